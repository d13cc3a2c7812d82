"""Death at every edge of every step of a rotation, then ``resume`` (contract §12)."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.planning.survey import ROTATION
from app.backend.deploy.rotating.plan import RotationRequest, look
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.resume import find_left, resume
from app.backend.deploy.rotating.rotate import rotate
from app.backend.deploy.rotating.steps import PUT_BACK, SET
from app.backend.deploy.running.steps_back import STEPS
from app.backend.deploy.tools import Milestone, Tools
from app.errors import PreflightError
from tests.support.delivery import ENVIRONMENT, Delivery

NAME = "SOME_SERVICE_KEY"
OLD, NEW = "hunter2-old-value", "hunter3-new-value"

SCENARIOS: dict[str, tuple[str, ...]] = {
    SET: ("good",),
    "preflight": ("good",),
    "expand": ("good",),
    "deploy": ("good", "ill"),
    "gate": ("good", "ill"),
    "switch": ("good", "bad"),
    "bake": ("good", "bad"),
    "withdraw": ("ill",),
    "choose": ("bad",),
    "restore": ("bad",),
    "verify": ("bad",),
    "finalise": ("good", "bad", "ill"),
    PUT_BACK: ("bad", "ill"),
}
"""On which ways each step is met; a step that is missing here fails a test."""

FLAW = {"good": {}, "ill": {"ill_with": NEW}, "bad": {"bad_with": NEW}}
ENDINGS = {"good": "done", "ill": "failed", "bad": "rolled_back"}
CELLS = [
    (step, milestone, scenario)
    for step, scenarios in SCENARIOS.items()
    for milestone in Milestone
    for scenario in scenarios
]


QUICK = random.Random(4).sample(CELLS, 10)  # noqa: S311 - the same ones every time


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def test_every_step_has_kill_cells() -> None:
    assert {SET, PUT_BACK, *(step.name for step in STEPS)} == set(SCENARIOS)


async def _delivery(folder: Path, **flaw: Any) -> Delivery:
    one = Delivery(folder)
    one.platform.given(**{NAME: OLD})
    await one.good("older")
    commit = await one.good("serving")
    one.platform.behave(commit, **flaw)
    return one


def _request(value: str = NEW) -> RotationRequest:
    return RotationRequest(
        name=NAME,
        value=value,
        environment=ENVIRONMENT,
        actor="test",
        bake=60.0,
        gate_hold=2.0,
        monitor_interval=5.0,
    )


async def _begin(tools: Tools) -> RotationReport:
    return await rotate((await look(_request(), tools)).proven("asked"), tools)


async def _kill(delivery: Delivery, step: str, milestone: Milestone) -> None:
    async def die(at: str, edge: Milestone) -> None:
        if (at, edge) == (step, milestone):
            raise KilledError

    with pytest.raises(KilledError):
        await _begin(delivery.at(die))
    delivery.renew()


async def _values(delivery: Delivery) -> tuple[str | None, str | None]:
    """What is set, and what serves has."""
    active = delivery.platform.active()
    assert active is not None
    given = await delivery.platform.variables(active.id)
    return (await delivery.platform.variables()).get(NAME), given.get(NAME)


@pytest.mark.parametrize(
    ("step", "milestone", "scenario"),
    [
        pytest.param(*cell, marks=() if cell in QUICK else pytest.mark.full)
        for cell in CELLS
    ],
)
async def test_a_killed_rotation_is_resumed_to_one_end_of_variable_and_deployment(
    tmp_path: Path, step: str, milestone: Milestone, scenario: str
) -> None:
    delivery = await _delivery(tmp_path, **FLAW[scenario])
    before = delivery.platform.active()
    await _kill(delivery, step, milestone)
    report = await resume(delivery.tools, actor="test")

    told = "\n".join((*delivery.said, report.text()))
    assert isinstance(report, RotationReport), told
    never_set = step == SET and milestone in {
        Milestone.BEFORE_INTENT,
        Milestone.AFTER_INTENT,
    }
    if never_set:
        assert (report.ending, report.put_back) == ("interrupted", True), told
        assert delivery.platform.active() == before
    else:
        assert report.ending == ENDINGS[scenario], told
    value = NEW if report.exit_code == 0 else OLD
    assert await _values(delivery) == (value, value), told
    assert bool(report.advice) is True
    active = delivery.platform.active()
    assert before is not None
    assert active is not None
    assert active.commit == before.commit
    assert delivery.platform.unfinished() == []
    runs = await delivery.runs()
    assert [one.run for one in runs if not one.ended] == []
    (rotation,) = (one for one in runs if one.kind == ROTATION)
    assert (rotation.outcome, rotation.run) == (report.ending, report.run)
    # Neither is the commit shunned, nor does anything warn of what is over.
    plan = await make_plan(delivery.request(before.commit), delivery.tools)
    assert not plan.refusals, plan.text()
    assert "rotation" not in plan.text()
    with pytest.raises(PreflightError, match="no run"):
        await resume(delivery.tools, actor="test")
    written = "\n".join(one.read_text() for one in delivery.home.rglob("*.jsonl"))
    assert "hunter" not in written + told


@pytest.mark.parametrize("step", ["deploy", "switch", "bake"])
async def test_the_same_value_again_finds_what_was_killed(
    tmp_path: Path, step: str
) -> None:
    delivery = await _delivery(tmp_path)
    await _kill(delivery, step, Milestone.AFTER_CALL)

    left = await find_left(_request(), delivery.tools)
    assert left is not None
    assert left.kind == ROTATION
    assert await find_left(_request("another-value"), delivery.tools) is None


async def test_after_the_end_there_is_nothing_left_of_that_value(
    tmp_path: Path,
) -> None:
    delivery = await _delivery(tmp_path)
    await _begin(delivery.tools)

    assert await find_left(_request(), delivery.tools) is None


async def test_until_then_a_plan_warns_and_says_how_it_is_ended(tmp_path: Path) -> None:
    delivery = await _delivery(tmp_path)
    await _kill(delivery, SET, Milestone.AFTER_OUTCOME)
    plan = await make_plan(delivery.request(delivery.commit("next")), delivery.tools)

    (warning,) = (one for one in plan.findings if "rotation" in one.text)
    assert "has not ended" in warning.text
    assert "pm33 deploy resume" in warning.remedy


async def test_another_value_takes_the_place_of_one_that_was_never_deployed(
    tmp_path: Path,
) -> None:
    delivery = await _delivery(tmp_path, ill_with="hunter4-third-value")
    await _kill(delivery, SET, Milestone.AFTER_OUTCOME)
    plan = await look(_request("hunter4-third-value"), delivery.tools)
    report = await rotate(plan.proven("asked"), delivery.tools)

    assert (report.ending, report.put_back) == ("failed", True)
    assert await _values(delivery) == (OLD, OLD)
    outcomes = [one.outcome for one in await delivery.runs() if one.kind == ROTATION]
    assert outcomes == ["failed", "superseded"]
    plan_after = await make_plan(
        delivery.request(delivery.commit("next")), delivery.tools
    )
    assert "rotation" not in plan_after.text()


async def test_one_that_was_superseded_leaves_a_warning_about_its_value(
    tmp_path: Path,
) -> None:
    delivery = await _delivery(tmp_path)
    await _kill(delivery, "deploy", Milestone.AFTER_CALL)
    bad = delivery.commit("bad", well=False)
    assert (await delivery.deploy(bad, supersede=True)).exit_code == 1
    plan = await make_plan(delivery.request(delivery.commit("next")), delivery.tools)

    assert (await _values(delivery)) == (NEW, OLD)
    assert f"of {NAME} was taken over from" in plan.text()


async def test_a_sealed_value_is_gone_on_with_and_not_put_back(tmp_path: Path) -> None:
    delivery = await _delivery(tmp_path)
    delivery.platform.given(**{NAME: None})
    await delivery.good("sealed")
    active = delivery.platform.active()
    assert active is not None
    delivery.platform.behave(active.commit, ill_with=NEW)
    await _kill(delivery, "gate", Milestone.AFTER_CALL)
    report = await resume(delivery.tools, actor="test")

    assert isinstance(report, RotationReport)
    assert (report.ending, report.put_back, report.is_open) == ("failed", False, False)
    assert any("by hand" in note for note in report.notes)


async def test_a_second_interrupt_leaves_it_to_be_gone_on_with(tmp_path: Path) -> None:
    delivery = await _delivery(tmp_path)

    async def twice(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("gate", Milestone.AFTER_CALL):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await _begin(delivery.at(twice))
    delivery.renew()
    report = await resume(delivery.tools, actor="test")

    assert report.exit_code == 0, report.text()
    assert await _values(delivery) == (NEW, NEW)
