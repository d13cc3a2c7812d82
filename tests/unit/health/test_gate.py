from dataclasses import replace

import pytest

from app.backend.database.revision_history import OURS
from app.backend.database.schema_state import judge_schema
from app.backend.health.checks.database import _judge_schema
from app.backend.health.gate import FaultKind, GateFault, GateState, judge
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.health import OK, bad

GRACE = 60.0
FOR_GOOD = 1e9
CLOSED = GateState()
HISTORY = replace(OURS, needed="r2", known=("r1", "r2"), arrived=("r2",))

RELEASE_FAULTS = (
    Failure.AUTH,
    Failure.DNS,
    Failure.TLS,
    Failure.CONFIG,
    Failure.WRONG_MODE,
)
WORLD_FAULTS = (Failure.REFUSED, Failure.TIMEOUT, Failure.OVERLOADED)
OTHERS = [one for one in Failure if one not in {*RELEASE_FAULTS, *WORLD_FAULTS}]
UNUSABLE = GateFault(
    source="PORT", kind=FaultKind.RELEASE, message="no port", failure=Failure.CONFIG
)


def gate(
    *results: CheckResult | None, age: float = 0.0, previous: GateState = CLOSED
) -> GateState:
    named = [(f"check_{number}", one) for number, one in enumerate(results)]
    return judge(previous, unusable=(), results=named, age=age, grace=GRACE)


def kinds(state: GateState) -> list[FaultKind]:
    return [fault.kind for fault in state.faults]


@pytest.mark.parametrize("age", [0, GRACE, FOR_GOOD])
@pytest.mark.parametrize("failure", RELEASE_FAULTS)
def test_a_fault_of_the_release_holds_the_gate_for_good(
    failure: Failure, age: float
) -> None:
    state = gate(bad(failure), age=age)

    assert not state.passed
    assert kinds(state) == [FaultKind.RELEASE]


@pytest.mark.parametrize(
    ("age", "passed"), [(0, False), (59.9, False), (60, True), (FOR_GOOD, True)]
)
@pytest.mark.parametrize("failure", WORLD_FAULTS)
def test_a_fault_of_the_world_holds_the_gate_for_its_grace_only(
    failure: Failure, age: float, *, passed: bool
) -> None:
    state = gate(bad(failure), age=age)

    assert state.passed is passed
    assert not state.clean
    assert kinds(state) == [FaultKind.WORLD]


@pytest.mark.parametrize("failure", OTHERS)
def test_other_failures_pass_after_the_grace_but_are_never_clean(
    failure: Failure,
) -> None:
    assert not gate(bad(failure)).passed
    late = gate(bad(failure), age=GRACE)
    assert (late.passed, late.clean) == (True, False)


def test_a_resolver_that_cannot_answer_right_now_is_the_worlds_fault() -> None:
    hiccup = CheckResult(
        status=Status.UNHEALTHY, failure=Failure.DNS, message="", transient=True
    )

    assert kinds(gate(hiccup)) == [FaultKind.WORLD]
    assert gate(hiccup, age=GRACE).passed


def test_a_check_without_a_result_holds_the_gate_for_the_grace_only() -> None:
    assert kinds(gate(None)) == [FaultKind.PENDING]
    assert not gate(None).passed
    assert gate(None, age=GRACE).passed
    assert not gate(None, age=GRACE).clean


@pytest.mark.parametrize(
    "result", [OK, CheckResult.skipped("not configured")], ids=["healthy", "skipped"]
)
def test_nothing_to_complain_of_passes_clean(result: CheckResult) -> None:
    assert gate(result) == GateState(passed=True, clean=True)


def test_without_gate_checks_the_gate_is_open_at_once() -> None:
    assert gate().clean


@pytest.mark.parametrize("failure", [*RELEASE_FAULTS, *WORLD_FAULTS])
def test_a_degraded_component_holds_the_gate_like_a_dead_one(failure: Failure) -> None:
    assert not gate(bad(failure, Status.DEGRADED)).passed


def test_one_fault_of_the_release_outweighs_the_grace_of_all_others() -> None:
    state = gate(None, bad(Failure.REFUSED), OK, bad(Failure.AUTH), age=FOR_GOOD)

    assert not state.passed
    assert kinds(state) == [FaultKind.PENDING, FaultKind.WORLD, FaultKind.RELEASE]


def test_a_fault_says_where_what_and_what_to_do() -> None:
    [fault] = gate(bad(Failure.AUTH)).faults

    assert fault.source == "check_0"
    assert (fault.failure, fault.message) == (Failure.AUTH, "is auth")
    assert fault.remedy == "look at it"


def test_unusable_configuration_holds_the_gate_whatever_the_checks_say() -> None:
    state = judge(
        CLOSED,
        unusable=(UNUSABLE,),
        results=[("database", OK)],
        age=FOR_GOOD,
        grace=GRACE,
    )

    assert not state.passed
    assert state.faults == (UNUSABLE,)


@pytest.mark.parametrize("failure", [*RELEASE_FAULTS, *WORLD_FAULTS])
def test_a_gate_that_was_clean_once_stays_open_whatever_the_checks_say(
    failure: Failure,
) -> None:
    assert gate(bad(failure), None, previous=gate(OK)) == gate(OK)


def test_unusable_configuration_closes_a_gate_that_was_clean() -> None:
    state = judge(gate(OK), unusable=(UNUSABLE,), results=[], age=FOR_GOOD, grace=GRACE)

    assert not state.passed


def test_a_gate_that_passed_in_spite_of_the_world_becomes_clean_later() -> None:
    during = gate(bad(Failure.REFUSED), age=GRACE)

    assert gate(OK, age=GRACE + 1, previous=during).clean


def test_a_gate_that_passed_in_spite_of_the_world_closes_for_the_release() -> None:
    during = gate(bad(Failure.REFUSED), age=GRACE)

    assert not gate(bad(Failure.AUTH), age=GRACE + 1, previous=during).passed


@pytest.mark.parametrize(
    ("applied", "floors", "passes"),
    [
        (["r2"], [], True),
        (["r3"], [], True),
        (["r1"], [], False),
        ([], [], False),
        (["r2", "c1"], ["r3"], False),
    ],
    ids=["current", "ahead", "behind", "empty", "incompatible"],
)
def test_a_schema_ahead_passes_and_one_this_release_cannot_work_with_holds(
    applied: list[str], floors: list[str], *, passes: bool
) -> None:
    schema = judge_schema(applied, floors, history=HISTORY)
    reported = _judge_schema(schema.position, {}) or OK

    assert gate(reported, age=FOR_GOOD).passed is passes
