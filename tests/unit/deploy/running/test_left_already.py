"""Somebody else leaves what this run is about to leave."""

import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.backend.database.lease import Guard
from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from app.errors import InterruptedRunError, LeaseLostError, PreflightError
from tests.support.delivery import ENVIRONMENT, Delivery, OwnLeases


class LateLeases(OwnLeases):
    """Something happens while the first one waits for the lease."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    @override
    async def acquire(self, name: str, **words: Any) -> Guard:
        happen, self.meanwhile = self.meanwhile, None
        if happen is not None:
            await happen()
        return await super().acquire(name, **words)


@pytest.fixture
def leases() -> LateLeases:
    return LateLeases()


@pytest.fixture
def delivery(tmp_path: Path, leases: LateLeases) -> Delivery:
    delivery = Delivery(tmp_path)
    delivery.leases = leases
    delivery.renew()
    return delivery


async def back(delivery: Delivery, **flags: Any) -> RunReport:
    request = RollbackRequest(
        environment=ENVIRONMENT, actor="test", gate_hold=1.0, **flags
    )
    return await roll_back(request, delivery.tools)


async def on_the_dashboard(delivery: Delivery, target: str) -> str:
    """Somebody returns to a deployment without this pipeline; says to what."""
    epoch = await delivery.platform.epoch()
    made = await delivery.platform.roll_back(target, tag="dashboard", epoch=epoch)
    while not (made := await delivery.platform.deployment(made.id)).active:
        pass
    return made.id


def changes(delivery: Delivery, call: str) -> int:
    return sum(one[0] == call for one in delivery.platform.calls)


async def test_two_rollbacks_at_once_go_back_once(
    delivery: Delivery, leases: LateLeases
) -> None:
    await delivery.good("a")
    second = await delivery.good("b")
    await delivery.good("c")
    others: list[RunReport] = []

    async def another() -> None:
        others.append(await back(delivery))

    leases.meanwhile = another
    report = await back(delivery)
    (other,) = others
    assert report.ending is other.ending is Ending.RESTORED
    assert report.serves == other.serves
    assert report.serves
    assert report.serves.commit == second
    assert changes(delivery, "roll_back") == 1
    assert any("already gone back" in note for note in report.notes)


async def test_a_rollback_does_not_leave_what_it_was_not_asked_to_leave(
    delivery: Delivery, leases: LateLeases
) -> None:
    await delivery.good("a")
    await delivery.good("b")
    hotfix = delivery.commit("hotfix")
    leases.meanwhile = lambda: delivery.deploy(hotfix)
    with pytest.raises(PreflightError, match="d2 was to be left"):
        await back(delivery)
    active = delivery.platform.active()
    assert active
    assert active.commit == hotfix
    assert (await delivery.runs())[0].outcome == "refused"


@pytest.mark.parametrize("step", ["choose", "restore"])
async def test_a_deploy_does_not_go_back_from_what_somebody_has_gone_back_to(
    delivery: Delivery, step: str
) -> None:
    await delivery.good("a")
    bad, put = delivery.commit("bad", good=False), []

    async def somebody(at: str, milestone: Milestone) -> None:
        if (at, milestone) == (step, Milestone.BEFORE_INTENT):
            put.append(await on_the_dashboard(delivery, "d1"))

    report = await deploy(delivery.request(bad), delivery.at(somebody))
    assert report.ending is Ending.SUPERSEDED
    assert report.serves
    assert report.serves.id == put[0]
    run = (await delivery.runs())[0]
    assert (run.ended, run.outcome, run.verdict) == (True, "superseded", "fail")


async def test_a_resumed_way_back_does_not_take_a_good_release_away(
    delivery: Delivery,
) -> None:
    await delivery.good("a")
    bad = delivery.commit("bad", good=False)

    async def die(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("choose", Milestone.AFTER_OUTCOME):
            raise SystemError

    with pytest.raises(SystemError):
        await deploy(delivery.request(bad), delivery.at(die))
    put = await on_the_dashboard(delivery, "d1")
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.SUPERSEDED
    assert report.serves
    assert report.serves.id == put


async def test_a_release_that_is_replaced_while_it_bakes_ends_its_run(
    delivery: Delivery,
) -> None:
    await delivery.good("a")
    second = delivery.commit("b")

    async def somebody(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("bake", Milestone.AFTER_CALL):
            await on_the_dashboard(delivery, "d1")

    report = await deploy(delivery.request(second), delivery.at(somebody))
    assert report.ending is Ending.SUPERSEDED
    assert report.exit_code == 75
    assert (await delivery.runs())[0].ended
    await delivery.good("c")


async def test_a_rollback_by_a_person_takes_over_from_a_run_that_watches(
    delivery: Delivery,
) -> None:
    first = await delivery.good("a")
    reports = []

    async def person(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("bake", Milestone.AFTER_CALL):
            reports.append(await back(delivery))

    request = delivery.request(delivery.commit("b"))
    try:
        report = await deploy(request, delivery.at(person))
    except LeaseLostError:
        pass
    else:
        assert report.ending is Ending.SUPERSEDED
    assert reports[0].ending is Ending.RESTORED
    active = delivery.platform.active()
    assert active
    assert active.commit == first


async def test_before_it_is_begun_a_rollback_is_stopped_by_an_interrupt(
    delivery: Delivery, leases: LateLeases
) -> None:
    await delivery.good("a")
    await delivery.good("b")
    tools = delivery.tools

    async def interrupt() -> None:
        tools.interrupt.ask()

    leases.meanwhile = interrupt
    with pytest.raises(InterruptedRunError):
        await back(delivery)
    assert changes(delivery, "roll_back") == 0
    assert len(await delivery.runs()) == 2


async def test_a_watch_leaves_the_release_to_the_run_that_watches_it() -> None:
    asked = RollbackRequest(environment=ENVIRONMENT, actor="test")
    assert asked.takes_over
    assert not dataclasses.replace(asked, verdict="fail").takes_over
