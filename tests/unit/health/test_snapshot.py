from datetime import timedelta

import pytest

from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.overrides import OverrideKind, in_force
from app.backend.health.snapshot import view_of
from app.backend.health.transition import CheckState, advance
from tests.support.health import (
    EPOCH,
    IDENTITY,
    OK,
    at,
    bad,
    entry,
    override_of,
    snapshot_of,
    view,
)

CHECK = entry("database", critical=True, shared=True, period=10, timeout=2, fall=2)
FAST = CheckResult(status=Status.HEALTHY, latency_ms=1.5, data={"version": "18"})


def after(*results: CheckResult, policy: CheckPolicy = CHECK.policy) -> CheckState:
    state = CheckState()
    for number, result in enumerate(results):
        state = advance(state, result, at(number), policy)
    return state


def test_before_the_first_result_nothing_is_known() -> None:
    shown = view_of(CHECK, CheckState(), at(5))

    assert shown.status is Status.UNKNOWN
    assert shown.message == "no result yet"
    assert (shown.checked_at, shown.valid_until, shown.expires) == (None, None, None)
    assert shown.critical
    assert shown.shared


def test_a_result_is_shown_with_its_age_and_its_end() -> None:
    shown = view_of(CHECK, after(FAST), at(5))

    assert shown.status is Status.HEALTHY
    assert shown.checked_at == shown.since == EPOCH
    assert shown.valid_until == EPOCH + timedelta(seconds=32)
    assert (shown.expires, shown.checked_monotonic) == (32, 0)
    assert (shown.latency_ms, shown.data) == (1.5, {"version": "18"})


def test_a_failure_that_hysteresis_holds_back_shows_in_the_details_only() -> None:
    shown = view_of(CHECK, after(FAST, bad(Failure.TIMEOUT)), at(2))

    assert (shown.status, shown.failure) == (Status.HEALTHY, None)
    assert (shown.latest, shown.latest_failure) == (Status.UNHEALTHY, Failure.TIMEOUT)


def test_a_published_failure_is_shown_with_cause_and_remedy() -> None:
    shown = view_of(CHECK, after(bad(Failure.AUTH)), at(1))

    assert (shown.status, shown.failure) == (Status.UNHEALTHY, Failure.AUTH)
    assert (shown.message, shown.remedy) == ("is auth", "look at it")


def test_a_check_on_its_way_up_still_shows_why_it_is_down() -> None:
    shown = view_of(CHECK, after(bad(Failure.AUTH), OK), at(2))

    assert (shown.status, shown.failure) == (Status.UNHEALTHY, Failure.AUTH)
    assert (shown.latest, shown.latest_failure) == (Status.HEALTHY, None)


@pytest.mark.parametrize("result", [FAST, bad(Failure.AUTH)], ids=["good", "bad"])
def test_a_result_past_its_end_is_unknown_and_accuses_nobody(
    result: CheckResult,
) -> None:
    fresh = view_of(CHECK, after(result), at(31.9))
    stale = view_of(CHECK, after(result), at(32))

    assert fresh.status is result.status
    assert (stale.status, stale.failure) == (Status.UNKNOWN, None)
    assert stale.remedy
    assert stale.checked_at == EPOCH


@pytest.mark.parametrize(
    ("kind", "check", "muted"),
    [
        (OverrideKind.MUTE, "database", True),
        (OverrideKind.MUTE, "cache", False),
        (OverrideKind.MUTE, None, False),
        (OverrideKind.MAINTENANCE, "database", False),
    ],
)
def test_an_override_mutes_the_check_that_it_names(
    kind: OverrideKind, check: str | None, *, muted: bool
) -> None:
    one = override_of(kind, check=check)

    assert view_of(CHECK, after(OK), at(1), [one]).muted is muted


def test_an_old_snapshot_knows_nothing_but_what_is_not_configured() -> None:
    aged = snapshot_of(
        view("database", Status.HEALTHY),
        view("stripe", Status.UNHEALTHY, failure=Failure.AUTH),
        view("cache", Status.SKIPPED),
    ).as_unknown()

    assert {name: one.status for name, one in aged.checks.items()} == {
        "database": Status.UNKNOWN,
        "stripe": Status.UNKNOWN,
        "cache": Status.SKIPPED,
    }
    assert aged.checks["stripe"].failure is None


def test_a_snapshot_gives_the_first_override_of_a_kind() -> None:
    mute = override_of(OverrideKind.MUTE, id=1, check="cache")
    first = override_of(OverrideKind.MAINTENANCE, id=2)
    second = override_of(OverrideKind.MAINTENANCE, id=3)
    snapshot = snapshot_of(overrides=(mute, first, second))

    assert snapshot.override(OverrideKind.MAINTENANCE) is first
    assert snapshot.override(OverrideKind.NOT_READY) is None


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ({}, True),
        ({"replica": "r-1"}, True),
        ({"replica": "r-2"}, False),
        ({"release": "c0ffee"}, True),
        ({"release": "beef"}, False),
        ({"replica": "r-1", "release": "beef"}, False),
        ({"replica": "r-2", "release": "c0ffee"}, False),
    ],
)
def test_an_override_reaches_those_it_is_addressed_to(
    address: dict[str, str], *, reached: bool
) -> None:
    one = override_of(OverrideKind.NOT_READY, until=EPOCH, **address)
    before = EPOCH - timedelta(microseconds=1)

    assert bool(in_force((one,), IDENTITY, before)) is reached
    assert in_force((one,), IDENTITY, EPOCH) == ()
