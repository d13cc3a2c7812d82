import logging

import pytest

from app.backend.health.announcements import (
    announce_gate,
    announce_transition,
    transition_of,
)
from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.snapshot import CheckView, view_of
from app.backend.health.transition import CheckState, advance
from tests.support.health import EPOCH, OK, at, bad, entry

PENDING = GateFault(source="database", kind=FaultKind.PENDING, message="no result yet")
WORLD = GateFault(
    source="database",
    kind=FaultKind.WORLD,
    message="refused",
    remedy="start it",
    failure=Failure.REFUSED,
)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pm33.health")
    return caplog


def published(result: CheckResult) -> CheckView:
    state = advance(CheckState(), result, at(0), CheckPolicy())
    return view_of(entry("database"), state, at(0))


@pytest.mark.parametrize(
    ("result", "level"),
    [
        (OK, logging.INFO),
        (CheckResult.skipped("off"), logging.INFO),
        (bad(Failure.QUOTA, Status.DEGRADED), logging.WARNING),
        (bad(Failure.REFUSED), logging.WARNING),
    ],
)
def test_a_change_is_one_line_and_loud_only_when_it_is_bad(
    result: CheckResult, level: int, log: pytest.LogCaptureFixture
) -> None:
    shown = published(result)
    changed = transition_of(Status.DEGRADED, shown, at(0))
    announce_transition(changed, shown.remedy)

    [line] = log.records
    assert line.levelno == level
    assert line.getMessage() == f"database is {result.status}"


def test_what_is_not_configured_from_the_start_is_no_news(
    log: pytest.LogCaptureFixture,
) -> None:
    shown = published(CheckResult.skipped("not configured"))
    announce_transition(transition_of(Status.UNKNOWN, shown, at(0)), shown.remedy)

    assert log.records == []


def test_a_change_for_the_worse_says_why_and_what_to_do(
    log: pytest.LogCaptureFixture,
) -> None:
    shown = published(bad(Failure.AUTH))
    changed = transition_of(Status.HEALTHY, shown, at(0))
    announce_transition(changed, shown.remedy)

    [line] = log.records
    told = {"was": "healthy", "failure": "auth", "cause": "is auth"}
    assert vars(line).items() >= {**told, "remedy": "look at it"}.items()


def test_a_transition_records_what_was_published_and_when() -> None:
    changed = transition_of(Status.HEALTHY, published(bad(Failure.AUTH)), at(0))

    assert (changed.before, changed.after) == (Status.HEALTHY, Status.UNHEALTHY)
    assert (changed.failure, changed.message) == (Failure.AUTH, "is auth")
    assert changed.at == EPOCH


def test_a_closed_gate_says_each_reason_with_its_remedy(
    log: pytest.LogCaptureFixture,
) -> None:
    announce_gate(GateState(faults=(WORLD,)), None)

    [line] = log.records
    assert line.getMessage() == "startup gate closed: database: refused"
    expected = {"kind": "world", "failure": "refused", "remedy": "start it"}
    assert vars(line).items() >= expected.items()


def test_what_closes_the_gate_for_good_is_an_error_and_names_itself_once(
    log: pytest.LogCaptureFixture,
) -> None:
    debug = GateFault(
        source="DEBUG",
        kind=FaultKind.RELEASE,
        message="DEBUG is on",
        failure=Failure.CONFIG,
    )
    announce_gate(GateState(faults=(debug, WORLD)), None)

    assert [(one.levelno, one.getMessage()) for one in log.records] == [
        (logging.ERROR, "startup gate closed: DEBUG is on"),
        (logging.WARNING, "startup gate closed: database: refused"),
    ]


def test_the_same_verdict_is_said_once(log: pytest.LogCaptureFixture) -> None:
    told = None
    for _ in range(3):
        told = announce_gate(GateState(faults=(WORLD,)), told)

    assert len(log.records) == 1


def test_a_gate_that_still_waits_for_results_says_nothing(
    log: pytest.LogCaptureFixture,
) -> None:
    assert announce_gate(GateState(faults=(WORLD, PENDING)), None) is None
    assert log.records == []


def test_a_gate_that_opens_in_spite_of_a_fault_says_so(
    log: pytest.LogCaptureFixture,
) -> None:
    told = announce_gate(GateState(faults=(WORLD,)), None)
    told = announce_gate(GateState(passed=True, faults=(WORLD,)), told)
    announce_gate(GateState(passed=True, clean=True), told)

    assert [line.getMessage() for line in log.records] == [
        "startup gate closed: database: refused",
        "startup gate passed in spite of: database: refused",
        "startup gate passed",
    ]
