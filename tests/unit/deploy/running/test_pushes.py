"""Pushes do not deploy by themselves while a run is at work, and do so again after."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import Ending
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.running.pushes import held_by
from app.backend.deploy.tools import Milestone
from app.errors import (
    InterruptedRunError,
    JournalError,
    PlatformError,
    PlatformUnreachableError,
    PreflightError,
)
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_platform import MemoryPlatform

OFF, ON = ["set_autodeploy", "False"], ["set_autodeploy", "True"]


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    """A platform that deploys pushes by itself."""
    delivery = Delivery(tmp_path)
    delivery.platform.deploy_pushes(enabled=True)
    return delivery


def switched(delivery: Delivery) -> list[list[str]]:
    """What was done to it, in order."""
    return [call for call in delivery.platform.calls if call[0] == "set_autodeploy"]


def around(delivery: Delivery) -> tuple[str, str]:
    """The first and the last change of all."""
    calls = delivery.platform.calls
    return " ".join(calls[0]), " ".join(calls[-1])


async def back(delivery: Delivery) -> Any:
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", gate_hold=1.0)
    return await roll_back(request, delivery.tools)


async def test_it_is_off_around_everything_that_a_deploy_changes(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    assert around(delivery) == (" ".join(OFF), " ".join(ON))
    assert switched(delivery) == [OFF, ON]
    assert await delivery.platform.autodeploy() is True


@pytest.mark.full
@pytest.mark.parametrize("enabled", [False, None])
async def test_what_is_off_or_not_there_is_left_alone(
    tmp_path: Path,
    enabled: bool | None,  # noqa: FBT001 - a case of the table
) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform.deploy_pushes(enabled=enabled)
    await delivery.good("one")
    assert switched(delivery) == []
    (run,) = await delivery.runs()
    assert not [note for note in run.notes if note.step == "autodeploy"]


@pytest.mark.parametrize(
    ("behaviour", "ending"),
    [
        pytest.param({"starts": False}, Ending.FAILED, marks=pytest.mark.full),
        pytest.param({"well": False}, Ending.FAILED, marks=pytest.mark.full),
        ({"good": False}, Ending.ROLLED_BACK),
        pytest.param({"shared": True}, Ending.PAUSED, marks=pytest.mark.full),
    ],
)
async def test_it_is_on_again_however_a_deploy_has_ended(
    delivery: Delivery, behaviour: dict[str, Any], ending: Ending
) -> None:
    await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", **behaviour))
    assert report.ending is ending
    assert switched(delivery) == [OFF, ON] * 2


async def test_a_rollback_holds_them_back_too(delivery: Delivery) -> None:
    await delivery.good("one")
    await delivery.good("two")
    report = await back(delivery)
    assert report.ending is Ending.RESTORED
    assert switched(delivery) == [OFF, ON] * 3


async def test_it_is_on_again_when_a_deploy_is_refused_at_the_last_moment(
    delivery: Delivery,
) -> None:
    first = delivery.commit("one")

    async def overtake(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("preflight", Milestone.AFTER_INTENT):
            epoch = await delivery.platform.epoch()
            await delivery.platform.deploy(first, tag="another", epoch=epoch)

    with pytest.raises(PreflightError, match="under way"):
        await deploy(delivery.request(first), delivery.at(overtake))
    assert switched(delivery) == [OFF, ON]


async def test_it_is_on_again_after_ctrl_c(delivery: Delivery) -> None:
    async def stop(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("gate", Milestone.BEFORE_INTENT):
            delivery.tools.interrupt.event.set()

    report = await deploy(delivery.request(delivery.commit("one")), delivery.at(stop))
    assert report.ending is Ending.INTERRUPTED
    assert switched(delivery) == [OFF, ON]


EDGES = [
    pytest.param(("deploy", Milestone.AFTER_CALL), id="deploy"),
    *(
        pytest.param((step, edge), id=step, marks=pytest.mark.full)
        for step, edge in (
            ("preflight", Milestone.BEFORE_INTENT),
            ("bake", Milestone.AFTER_INTENT),
            ("finalise", Milestone.AFTER_OUTCOME),
        )
    ),
]


async def killed(delivery: Delivery, edge: tuple[str, Milestone]) -> None:
    """A deploy that ends at an edge without a word."""

    async def die(step: str, milestone: Milestone) -> None:
        if (step, milestone) == edge:
            raise KilledError

    with pytest.raises(KilledError):
        await deploy(delivery.request(delivery.commit("one")), delivery.at(die))
    delivery.renew()
    assert await delivery.platform.autodeploy() is False


@pytest.mark.parametrize("edge", EDGES)
async def test_a_run_that_was_killed_puts_it_back_when_it_is_resumed(
    delivery: Delivery, edge: tuple[str, Milestone]
) -> None:
    await killed(delivery, edge)
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE, report.text()
    assert switched(delivery) == [OFF, ON]


@pytest.mark.parametrize("edge", EDGES)
async def test_the_next_run_puts_back_what_one_that_was_killed_has_left(
    delivery: Delivery, edge: tuple[str, Milestone]
) -> None:
    await killed(delivery, edge)
    report = await delivery.deploy(delivery.commit("two"), supersede=True)
    assert report.ending is Ending.DONE, report.text()
    assert switched(delivery) == [OFF, ON]
    # Nobody is left who would put it back a second time.
    delivery.platform.deploy_pushes(enabled=False)
    await delivery.good("three")
    assert await delivery.platform.autodeploy() is False


@pytest.mark.full
async def test_a_rollback_puts_it_back_as_well(delivery: Delivery) -> None:
    await delivery.good("zero")
    await killed(delivery, ("bake", Milestone.AFTER_INTENT))
    report = await back(delivery)
    assert report.ending is Ending.RESTORED
    assert await delivery.platform.autodeploy() is True


class DyingPlatform(MemoryPlatform):
    """Whoever switches it off dies, before or after it is so."""

    after = False

    @override
    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:
        if enabled or self.after:
            await super().set_autodeploy(enabled, epoch=epoch)
        if not enabled:
            raise KilledError


@pytest.mark.parametrize("after", [False, True])
async def test_it_is_put_back_whether_the_call_was_made_or_not(
    tmp_path: Path,
    after: bool,  # noqa: FBT001 - a case of the table
) -> None:
    delivery = Delivery(tmp_path)
    dying = DyingPlatform(tmp_path / "platform.json")
    dying.after = after
    dying.deploy_pushes(enabled=True)
    tools = replace(delivery.tools, platform=dying)
    with pytest.raises(KilledError):
        await deploy(delivery.request(delivery.commit("one")), tools)
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE, report.text()
    assert await delivery.platform.autodeploy() is True
    assert switched(delivery)[-1] == ON


@pytest.mark.full
async def test_what_cannot_be_switched_off_is_said_and_stops_nobody(
    delivery: Delivery,
) -> None:
    delivery.platform.refuse_next("set_autodeploy")
    report = await delivery.deploy(delivery.commit("one"))
    assert report.ending is Ending.DONE
    assert any("may overtake this run" in note for note in report.notes)


async def test_what_cannot_be_switched_on_again_is_said_and_tried_by_resume(
    delivery: Delivery,
) -> None:
    async def refuse(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("finalise", Milestone.AFTER_OUTCOME):
            delivery.platform.refuse_next("set_autodeploy")

    request = delivery.request(delivery.commit("one"))
    report = await deploy(request, delivery.at(refuse))
    assert report.ending is Ending.DONE
    assert any("do not deploy by themselves yet" in note for note in report.notes)
    assert report.next_command.startswith("pm33 deploy resume")
    assert await delivery.platform.autodeploy() is False
    delivery.renew()
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.DONE
    assert await delivery.platform.autodeploy() is True


class SilentPlatform(MemoryPlatform):
    """Does not tell whether it deploys pushes."""

    @override
    async def autodeploy(self) -> bool | None:
        raise PlatformError("the token may not see that")


async def test_that_nobody_may_tell_stops_nobody(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = SilentPlatform(tmp_path / "platform.json")
    delivery.renew()
    report = await delivery.deploy(delivery.commit("one"))
    assert report.ending is Ending.DONE
    assert any("may not see that" in note for note in report.notes)


async def test_what_nobody_could_put_back_is_not_switched_off(
    delivery: Delivery,
) -> None:
    tools = delivery.tools
    opened = tools.journals

    class Forgetful:
        """Keeps all but the one event that matters."""

        def __init__(self, journals: Any) -> None:
            self._journals = journals

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journals, name)

        async def append(self, *events: Event) -> None:
            if any(event.step == "autodeploy" for event in events):
                raise JournalError("the disk is full")
            await self._journals.append(*events)

    class Opened:
        def __init__(self, guard: Any) -> None:
            self._opened = opened(guard)

        async def __aenter__(self) -> Any:
            return Forgetful(await self._opened.__aenter__())

        async def __aexit__(self, *error: object) -> None:
            await self._opened.__aexit__(*error)  # type: ignore[arg-type]

    tools = replace(tools, journals=Opened)
    report = await deploy(delivery.request(delivery.commit("one")), tools)
    assert report.ending is Ending.DONE
    assert switched(delivery) == []
    assert any("the disk is full" in note for note in report.notes)


async def test_an_answer_that_is_lost_is_asked_for_again(delivery: Delivery) -> None:
    delivery.platform.fail_next("set_autodeploy", after=True)
    await delivery.good("one")
    assert await delivery.platform.autodeploy() is True


async def test_who_has_been_told_to_stop_before_it_switches_nothing(
    delivery: Delivery,
) -> None:
    delivery.tools.interrupt.event.set()
    with pytest.raises(InterruptedRunError):
        await delivery.deploy(delivery.commit("one"))
    await asyncio.sleep(0)
    assert switched(delivery) == []


class Mute(MemoryPlatform):
    """Says nothing about pushes, and all else."""

    @override
    async def autodeploy(self) -> bool | None:
        raise PlatformUnreachableError("no answer")


async def test_a_rollback_does_not_wait_for_an_answer_about_pushes(
    delivery: Delivery, tmp_path: Path
) -> None:
    await delivery.good("one")
    await delivery.good("two")
    delivery.platform = Mute(tmp_path / "platform.json")
    delivery.renew()
    began = delivery.tools.clock.time()
    report = await back(delivery)
    assert report.ending is Ending.RESTORED
    assert delivery.tools.clock.time() - began < 30
    assert any("is not known: no answer" in note for note in report.notes)
    # A deploy can wait for one, and goes on without it.
    began = delivery.tools.clock.time()
    patient = await delivery.deploy(delivery.commit("three"), monitor=False)
    assert patient.ending is Ending.UNBAKED
    assert delivery.tools.clock.time() - began > 30


@pytest.mark.full
async def test_who_leaves_all_as_it_is_is_told_what_that_means(
    delivery: Delivery,
) -> None:
    async def cancel(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("deploy", Milestone.AFTER_CALL):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await deploy(delivery.request(delivery.commit("one")), delivery.at(cancel))
    assert any("pushes do not deploy by themselves:" in one for one in delivery.said)


@given(st.lists(st.sampled_from(["off", "restored", None]), max_size=4))
def test_the_newest_run_that_speaks_of_it_knows(told: list[str | None]) -> None:
    """The newest first; one that says nothing knows nothing."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    runs = [
        RunState.of(
            [
                Event(
                    f"run-{n}", "autodeploy", 1, 1, EventKind.NOTE, now, {"pushes": one}
                )
            ]
            if one
            else []
        )
        for n, one in enumerate(told)
    ]
    spoken = [(n, one) for n, one in enumerate(told) if one]
    expected = f"run-{spoken[0][0]}" if spoken and spoken[0][1] == "off" else None
    assert held_by(runs) == expected
