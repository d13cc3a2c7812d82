from pathlib import Path

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.journal import EventKind
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import (
    blame_of,
    cause_of,
    evidence_of,
    log_of,
    serving_after,
    successor_of,
    way_back_of,
)
from app.backend.deploy.running.steps_back import STEPS
from tests.support.delivery import Delivery
from tests.support.events import event, story


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


def test_the_steps_that_are_read_are_there() -> None:
    assert {"choose", "restore", "finalise"} <= {step.name for step in STEPS}


async def test_a_run_keeps_what_its_report_told(delivery: Delivery) -> None:
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    (run, _) = await delivery.runs()

    assert report.serves
    assert cause_of(run) == blame_of(run) == report.cause
    assert evidence_of(run)["counts"] == report.evidence["counts"]
    assert log_of(run) == report.log
    assert way_back_of(run) == {
        "target": "d1",
        "commit": first,
        "why": "last known good",
        "restored": report.serves.id,
    }
    assert serving_after(run) == report.serves.id
    assert successor_of(run) is None


async def test_a_run_that_waits_says_what_for_until_it_goes_on(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two", shared=True)
    paused = await delivery.deploy(second)
    (run, _) = await delivery.runs()
    assert (run.ended, run.closing["left"]) == (False, "paused")
    assert cause_of(run) == paused.cause
    assert evidence_of(run)["counts"] == paused.evidence["counts"]

    delivery.platform.behave(second)
    await resume(delivery.tools, actor="test")
    (run, _) = await delivery.runs()
    assert (cause_of(run), evidence_of(run)) == ("", {})


def test_a_run_of_an_earlier_version_has_its_cause_in_its_steps() -> None:
    begun, *_ = story()
    failed = event(
        EventKind.OUTCOME, "gate", ok=False, reason="not well", log=["1 a line"]
    )
    ended = event(EventKind.END, "run", at=9, outcome="failed")
    run = RunState.of([begun, failed, ended])
    assert (cause_of(run), log_of(run)) == ("not well", ("1 a line",))
    assert cause_of(RunState.of(story())) == ""


def test_what_was_never_written_down_is_empty() -> None:
    run = RunState()
    assert (cause_of(run), evidence_of(run), log_of(run)) == ("", {}, ())
    assert (way_back_of(run), serving_after(run)) == ({}, None)
