from typing import Any

import pytest

from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import CORE, POLICIES, excluding, single
from app.backend.health.snapshot import CheckView
from tests.support.health import override_of, snapshot_of, view

H, D, U, S, N = (
    Status.HEALTHY,
    Status.DEGRADED,
    Status.UNHEALTHY,
    Status.SKIPPED,
    Status.UNKNOWN,
)
MAINTENANCE = (override_of(OverrideKind.MAINTENANCE),)
NOT_READY = (override_of(OverrideKind.NOT_READY),)


def decide(endpoint: str, *views: CheckView, **fields: Any) -> tuple[Status, int]:
    verdict = POLICIES[f"/api/health{endpoint}"](snapshot_of(*views, **fields))
    return verdict.status, verdict.code


@pytest.mark.parametrize("endpoint", ["", "/detailed"])
@pytest.mark.parametrize(
    ("status", "critical", "expected"),
    [
        (H, True, (H, 200)),
        (D, True, (D, 200)),
        (U, True, (U, 503)),
        (N, True, (N, 503)),
        (S, True, (H, 200)),
        (H, False, (H, 200)),
        (D, False, (D, 200)),
        (U, False, (D, 200)),
        (N, False, (D, 200)),
        (S, False, (H, 200)),
    ],
)
def test_one_check_decides_the_report(
    endpoint: str, status: Status, expected: tuple[Status, int], *, critical: bool
) -> None:
    checked = view("database", status, critical=critical)

    assert decide(endpoint, view("application", H), checked) == expected


def test_a_dead_component_outweighs_one_that_nothing_is_known_of() -> None:
    views = [view("database", U, critical=True), view("application", N, critical=True)]

    assert decide("", *views) == (U, 503)


def test_a_report_without_checks_is_healthy() -> None:
    assert decide("") == (H, 200)


def test_the_short_report_lists_the_core_and_the_long_one_everything() -> None:
    names = ["stripe", *reversed(CORE)]
    snapshot = snapshot_of(*(view(name, H) for name in names))
    short = POLICIES["/api/health"](snapshot)
    full = POLICIES["/api/health/detailed"](snapshot)

    assert CORE == ("application", "database", "ai_services", "monitoring")
    assert tuple(one.name for one in short.checks) == CORE
    assert [one.name for one in full.checks] == names


def test_a_dead_check_outside_the_core_does_not_touch_the_short_report() -> None:
    dead = view("stripe", U, critical=True)

    assert decide("", dead) == (H, 200)
    assert decide("/detailed", dead) == (U, 503)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("status", Status)
def test_liveness_looks_at_nothing_but_the_process(
    status: Status, stage: Stage
) -> None:
    own = view("application", status, critical=True)

    closed = GateState()
    decided = decide("/live", own, stage=stage, gate=closed, overrides=NOT_READY)

    assert decided == (H, 200)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(H, (H, 200)), (D, (D, 200)), (U, (U, 503)), (N, (N, 200)), (S, (H, 200))],
)
def test_readiness_follows_critical_checks_of_this_replica(
    status: Status, expected: tuple[Status, int]
) -> None:
    assert decide("/ready", view("application", status, critical=True)) == expected


@pytest.mark.parametrize(
    ("critical", "shared"), [(True, True), (False, True), (False, False)]
)
def test_shared_and_minor_components_never_evict_a_replica(
    *, critical: bool, shared: bool
) -> None:
    dead = view("database", U, critical=critical, shared=shared)

    assert decide("/ready", dead) == (H, 200)


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.DRAINING])
def test_readiness_says_no_while_the_process_starts_or_drains(stage: Stage) -> None:
    snapshot = snapshot_of(view("application", H, critical=True), stage=stage)
    verdict = POLICIES["/api/health/ready"](snapshot)

    assert (verdict.status, verdict.code) == (U, 503)
    assert verdict.why == (f"stage:{stage}",)


def test_readiness_says_no_when_an_operator_says_so() -> None:
    snapshot = snapshot_of(view("application", H), overrides=NOT_READY)
    verdict = POLICIES["/api/health/ready"](snapshot)

    assert (verdict.status, verdict.code) == (U, 503)
    assert verdict.why == ("override:not_ready",)
    assert decide("", view("application", H), overrides=NOT_READY) == (H, 200)


def test_a_muted_check_counts_nowhere_but_is_still_listed() -> None:
    muted = view("database", U, critical=True, muted=True)
    snapshot = snapshot_of(muted)

    for path in ("/api/health", "/api/health/detailed", "/api/health/ready"):
        verdict = POLICIES[path](snapshot)
        assert (verdict.status, verdict.code) == (H, 200)
        assert verdict.checks == (muted,)


@pytest.mark.parametrize(
    ("status", "expected"), [(H, H), (D, D), (U, D), (N, D), (S, H)]
)
def test_during_maintenance_a_report_is_degraded_at_worst(
    status: Status, expected: Status
) -> None:
    checked = view("database", status, critical=True)

    assert decide("", checked, overrides=MAINTENANCE) == (expected, 200)


def test_maintenance_does_not_bring_a_broken_replica_into_rotation() -> None:
    broken = view("application", U, critical=True)

    assert decide("/ready", broken, overrides=MAINTENANCE) == (U, 503)


@pytest.mark.parametrize(
    ("passed", "clean", "expected"),
    [(True, True, (H, 200)), (True, False, (D, 200)), (False, False, (U, 503))],
)
def test_the_startup_answer_is_the_gates(
    expected: tuple[Status, int], *, passed: bool, clean: bool
) -> None:
    state = GateState(passed=passed, clean=clean)
    dead = view("application", U, critical=True)

    assert decide("/startup", dead, gate=state) == expected


def test_the_startup_answer_lists_what_the_gate_complains_of() -> None:
    fault = GateFault(
        source="database",
        kind=FaultKind.RELEASE,
        message="",
        failure=Failure.AUTH,
    )
    snapshot = snapshot_of(
        view("application", H), view("database", U), gate=GateState(faults=(fault,))
    )
    verdict = POLICIES["/api/health/startup"](snapshot)

    assert [one.name for one in verdict.checks] == ["database"]
    assert verdict.why == ("release:database",)


def test_the_reasons_name_those_that_decided_and_nobody_else() -> None:
    snapshot = snapshot_of(
        view("application", D, critical=True),
        view("database", U, critical=True),
        view("monitoring", U),
    )

    assert POLICIES["/api/health"](snapshot).why == ("database:unhealthy",)


def test_a_healthy_report_needs_no_reasons() -> None:
    snapshot = snapshot_of(view("application", H), view("database", S))

    assert POLICIES["/api/health"](snapshot).why == ()


@pytest.mark.parametrize(
    ("status", "code"), [(H, 200), (D, 200), (S, 200), (U, 503), (N, 503)]
)
def test_a_single_check_is_as_critical_as_it_gets(status: Status, code: int) -> None:
    verdict = single(snapshot_of(view("stripe", status)), "stripe")

    assert (verdict.status, verdict.code) == (status, code)


@pytest.mark.parametrize("endpoint", POLICIES)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("overrides", [(), MAINTENANCE, NOT_READY])
def test_an_answer_is_turned_exactly_by_what_is_named_for_it(
    endpoint: str, status: Status, overrides: Any, *, critical: bool
) -> None:
    fault = GateFault(source="database", kind=FaultKind.WORLD, message="no")
    other = GateFault(source="PM33_MOUNT", kind=FaultKind.RELEASE, message="no")
    held = [GateState(faults=(one,)) for one in (fault, other)]
    for gate in (GateState(passed=True), *held):
        verdict = POLICIES[endpoint](
            snapshot_of(
                view("database", status, critical=critical),
                gate=gate,
                overrides=overrides,
            )
        )

        assert verdict.ok is not bool(verdict.failed or verdict.blocked)
        assert verdict.failed <= {one.name for one in verdict.checks}


@pytest.mark.parametrize("endpoint", ["/api/health", "/api/health/detailed"])
def test_a_check_that_is_left_out_does_not_count(endpoint: str) -> None:
    snapshot = snapshot_of(
        view("application", H), view("database", U, critical=True), view("cache", H)
    )

    verdict = excluding(POLICIES[endpoint], {"database", "nobody"})(snapshot)

    assert (verdict.status, verdict.code) == (H, 200)
    assert "database" not in {one.name for one in verdict.checks}
    assert verdict.excluded == ("database",)


def test_readiness_without_its_failed_check_still_asks_for_the_stage() -> None:
    own = view("application", U, critical=True)
    ready = excluding(POLICIES["/api/health/ready"], {"application"})

    assert ready(snapshot_of(own)).ok
    assert not ready(snapshot_of(own, stage=Stage.DRAINING)).ok


@pytest.mark.parametrize(
    ("names", "passes"),
    [
        ({"database"}, False),
        ({"database", "cache"}, True),
        ({"database", "cache", "PM33_MOUNT"}, True),
        ({"PM33_MOUNT"}, False),
    ],
)
def test_the_gate_without_all_checks_that_hold_it_passes(
    names: set[str], *, passes: bool
) -> None:
    faults = tuple(
        GateFault(source=name, kind=FaultKind.RELEASE, message="no")
        for name in ("database", "cache")
    )
    views = view("database", U), view("cache", U)
    startup = excluding(POLICIES["/api/health/startup"], names)

    assert startup(snapshot_of(*views, gate=GateState(faults=faults))).ok is passes


def test_only_checks_can_be_left_out() -> None:
    fault = GateFault(source="PM33_MOUNT", kind=FaultKind.RELEASE, message="no")
    startup = excluding(POLICIES["/api/health/startup"], {"PM33_MOUNT"})

    verdict = startup(snapshot_of(gate=GateState(faults=(fault,))))

    assert not verdict.ok
    assert verdict.excluded == ()


def test_a_policy_that_leaves_nothing_out_is_the_same() -> None:
    policy = POLICIES["/api/health"]

    assert excluding(policy, ()) is policy
