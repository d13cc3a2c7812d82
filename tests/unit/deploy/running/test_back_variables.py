"""Which variables a release comes back with, on platforms of both kinds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.backend.deploy.pipeline import make_plan, resume
from app.backend.deploy.records.story import way_back_of
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import EMERGENCY, RollbackRequest, Variables
from app.backend.deploy.rollback import roll_back
from app.errors import PreflightError
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_platform import MemoryPlatform

OLD, NEW = "the-secret-before", "the-secret-after"


async def scene(tmp_path: Path, *, by_image: bool, **behaviour: Any) -> Delivery:
    """Two releases; a variable that the service needs has changed in between."""
    delivery = Delivery(tmp_path)
    path = tmp_path / "platform.json"
    delivery.platform = MemoryPlatform(path, restores_with_todays=by_image)
    delivery.renew()
    delivery.platform.given(SECRET_KEY=OLD)
    commit = await delivery.good("one")
    delivery.platform.behave(commit, **behaviour)
    delivery.platform.given(SECRET_KEY=NEW)
    report = await delivery.deploy(
        delivery.commit("two"), variables=None if by_image else Variables.TARGET
    )
    assert report.exit_code == 0, report.text()
    return delivery


async def back(delivery: Delivery, **flags: Any) -> RunReport:
    given: dict[str, Any] = {"gate_hold": 1.0, **flags}
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", **given)
    return await roll_back(request, delivery.tools)


async def value(delivery: Delivery) -> str | None:
    """What the release that serves was given."""
    active = delivery.platform.active()
    assert active
    return (await delivery.platform.variables(active.id))["SECRET_KEY"]


async def test_a_changed_value_is_kept_where_the_platform_can_do_that(
    tmp_path: Path,
) -> None:
    delivery = await scene(tmp_path, by_image=True)
    report = await back(delivery)
    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == NEW
    assert any("SECRET_KEY changed" in note for note in report.notes)
    choose = (await delivery.runs())[0].step("choose")
    assert choose
    assert choose.data["variables"] == "current"
    assert choose.data["reverting"]["required"] == ["SECRET_KEY"]


@pytest.mark.full
async def test_the_old_value_comes_back_when_it_is_asked_for(tmp_path: Path) -> None:
    delivery = await scene(tmp_path, by_image=True)
    report = await back(delivery, variables=Variables.TARGET)
    assert report.ending is Ending.RESTORED
    assert await value(delivery) == OLD


async def test_a_value_that_nobody_needs_comes_back_as_it_was(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform.given(SECRET_KEY=OLD, MODE="a")
    await delivery.good("one")
    delivery.platform.given(MODE="b")
    await delivery.good("two")
    report = await back(delivery)
    assert report.ending is Ending.RESTORED
    active = delivery.platform.active()
    assert active
    assert (await delivery.platform.variables(active.id))["MODE"] == "a"


async def test_where_it_cannot_be_kept_somebody_has_to_say_what_is_meant(
    tmp_path: Path,
) -> None:
    delivery = await scene(tmp_path, by_image=False)
    before = delivery.platform.active()
    with pytest.raises(PreflightError, match="SECRET_KEY changed") as refused:
        await back(delivery)
    assert refused.value.exit_code == 5
    assert "--restore-variables" in refused.value.remedy
    assert delivery.platform.active() == before
    (run, *_) = await delivery.runs()
    assert run.outcome == Ending.REFUSED


@pytest.mark.parametrize(
    "flags", [{"variables": Variables.CURRENT}, {"allow_rebuild": True}]
)
async def test_it_is_built_anew_to_keep_it(
    tmp_path: Path, flags: dict[str, Any]
) -> None:
    delivery = await scene(tmp_path, by_image=False)
    report = await back(delivery, **flags)
    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == NEW
    assert report.serves
    assert report.serves.rollback_of is None


@pytest.mark.full
async def test_an_emergency_takes_the_quick_way_first(tmp_path: Path) -> None:
    delivery = await scene(tmp_path, by_image=False)
    report = await back(delivery, reason=EMERGENCY)
    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == OLD
    assert any("SECRET_KEY changed" in note for note in report.notes)


class KilledError(Exception):
    """Stands for SIGKILL."""


class Picky(MemoryPlatform):
    """A release does not come up with a value that is dead."""

    dead = OLD

    @override
    def _advance(self, state: dict[str, Any], deployment: str) -> None:
        given = state["snapshots"][deployment].values()
        commit = state["deployments"][deployment]["commit"]
        alive = self.dead not in given
        state["behaviours"][commit] = {"restores": alive, "starts": alive}
        super()._advance(state, deployment)


@pytest.mark.parametrize(
    ("by_image", "dead", "calls"),
    [
        (False, OLD, ["roll_back", "deploy"]),
        (True, NEW, ["roll_back", "roll_back"]),
    ],
)
async def test_an_emergency_tries_the_other_values_when_the_first_are_dead(
    tmp_path: Path,
    by_image: bool,  # noqa: FBT001 - a case of the table
    dead: str,
    calls: list[str],
) -> None:
    delivery = await scene(tmp_path, by_image=by_image)
    picky = Picky(tmp_path / "platform.json", restores_with_todays=by_image)
    picky.dead = dead
    delivery.platform = picky
    delivery.renew()
    made = len(picky.calls)

    report = await back(delivery, reason=EMERGENCY)

    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == (NEW if dead == OLD else OLD)
    assert any("once more" in note for note in report.notes)
    tried = [call[0] for call in picky.calls[made:]]
    assert [one for one in tried if one in {"roll_back", "deploy"}] == calls


@pytest.mark.full
async def test_who_can_be_asked_gets_no_second_attempt(tmp_path: Path) -> None:
    delivery = await scene(tmp_path, by_image=True)
    picky = Picky(tmp_path / "platform.json")
    picky.dead = NEW
    delivery.platform = picky
    delivery.renew()
    report = await back(delivery)
    assert report.ending is Ending.STRANDED


@pytest.mark.full
@pytest.mark.parametrize(
    ("by_image", "asked", "after"),
    [
        (True, None, NEW),
        (True, Variables.TARGET, OLD),
        (False, Variables.TARGET, OLD),
        (False, Variables.CURRENT, NEW),
    ],
)
async def test_a_deploy_that_goes_back_by_itself_does_as_its_plan_has_said(
    tmp_path: Path,
    by_image: bool,  # noqa: FBT001 - a case of the table
    asked: Variables | None,
    after: str,
) -> None:
    delivery = Delivery(tmp_path)
    path = tmp_path / "platform.json"
    delivery.platform = MemoryPlatform(path, restores_with_todays=by_image)
    delivery.renew()
    delivery.platform.given(SECRET_KEY=OLD)
    first = await delivery.good("one")
    delivery.platform.given(SECRET_KEY=NEW)

    report = await delivery.deploy(delivery.commit("bad", good=False), variables=asked)

    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert report.serves
    assert report.serves.commit == first
    assert await value(delivery) == after


async def test_a_plan_says_before_that_old_values_would_come_back(
    tmp_path: Path,
) -> None:
    delivery = await scene(tmp_path, by_image=False)
    delivery.platform.given(SECRET_KEY="another")
    request = delivery.request(delivery.commit("three"))

    plan = await make_plan(request, delivery.tools)

    (found,) = [one for one in plan.refusals if one.code == "variables_would_revert"]
    assert "SECRET_KEY" in found.text
    assert "another" not in plan.text()
    assert NEW not in str(plan.to_dict())


@pytest.mark.parametrize(
    ("by_image", "dead"),
    [(False, OLD), pytest.param(True, NEW, marks=pytest.mark.full)],
)
async def test_a_dead_value_that_shows_only_when_users_come_is_left_as_well(
    tmp_path: Path,
    by_image: bool,  # noqa: FBT001 - a case of the table
    dead: str,
) -> None:
    delivery = await scene(tmp_path, by_image=by_image, bad_with=dead)
    report = await back(delivery, reason=EMERGENCY)
    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == (NEW if dead == OLD else OLD)
    assert any("once more" in note for note in report.notes)
    (run, *_) = await delivery.runs()
    assert report.serves
    assert run.deployment == report.deployment == report.serves.id
    assert way_back_of(run)["restored"] == report.serves.id


@pytest.mark.full
async def test_what_is_bad_with_either_is_tried_twice_and_no_more(
    tmp_path: Path,
) -> None:
    delivery = await scene(tmp_path, by_image=True, good=False)
    made = len(delivery.platform.calls)
    report = await back(delivery, reason=EMERGENCY)
    assert report.ending is Ending.UNVERIFIED
    tried = [call[0] for call in delivery.platform.calls[made:]]
    assert tried.count("roll_back") == 2


@pytest.mark.full
async def test_a_run_that_dies_in_its_second_attempt_is_gone_on_with(
    tmp_path: Path,
) -> None:
    delivery = await scene(tmp_path, by_image=True, bad_with=NEW)

    def die(line: str) -> None:
        if "d4 is on its way" in line:
            raise KilledError

    delivery.tools = replace(delivery.tools, say=die)
    with pytest.raises(KilledError):
        await back(delivery, reason=EMERGENCY)
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.RESTORED, report.text()
    assert await value(delivery) == OLD
    assert len(await delivery.platform.deployments()) == 4
