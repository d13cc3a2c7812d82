from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backend.health.backoff import DELAYS
from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.transition import (
    FLAP_ENTER,
    FLAP_LEAVE,
    CheckState,
    advance,
    is_stale,
)
from tests.support.health import OK, at, bad

RESULTS = (
    OK,
    bad(Failure.OVERLOADED, Status.DEGRADED),
    bad(Failure.REFUSED),
    CheckResult.skipped("not configured"),
)
DEGRADED, REFUSED = RESULTS[1:3]
POLICY = CheckPolicy(period=10, fall=3, rise=2)

policies = st.builds(
    CheckPolicy,
    period=st.sampled_from([1.0, 10.0]),
    fall=st.integers(1, 4),
    rise=st.integers(1, 4),
    min_time=st.sampled_from([0.0, 4.0, 25.0]),
)
# Gaps of 40 seconds and more make a state of the shorter period stale.
steps = st.lists(
    st.tuples(st.sampled_from(RESULTS), st.sampled_from([0.5, 1.0, 3.0, 40.0])),
    max_size=40,
)


@dataclass(frozen=True)
class Step:
    before: CheckState
    after: CheckState
    at_once: bool
    run: tuple[CheckResult, ...]
    lasted: float

    @property
    def changed(self) -> bool:
        return self.before.status is not self.after.status


def walk(policy: CheckPolicy, script: list[tuple[CheckResult, float]]) -> list[Step]:
    """Each step, with the results since the status was last entered or confirmed."""
    state, now, walked = CheckState(), 0.0, []
    run: tuple[CheckResult, ...] = ()
    for result, gap in script:
        now += gap
        at_once = (
            state.status is Status.UNKNOWN
            or Status.SKIPPED in {state.status, result.status}
            or is_stale(state, at(now), policy)
        )
        run = (*run, result)
        after = advance(state, result, at(now), policy)
        lasted = now - state.since.monotonic if state.since else 0.0
        walked.append(Step(state, after, at_once, run, lasted))
        if at_once or after.status is not state.status:
            run = ()
        state = after
    return walked


def trailing(step: Step, *, worse: bool) -> list[CheckResult]:
    """The unbroken run of results worse (or better) than the status before."""
    level, found = step.before.status.severity, []
    for result in reversed(step.run):
        if (result.status.severity > level) is not worse:
            break
        if result.status.severity == level:
            break
        found.append(result)
    return found


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_a_status_never_gets_worse_before_fall_worse_results_in_a_row(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        severity = step.after.status.severity
        if not step.at_once and severity > step.before.status.severity:
            run = trailing(step, worse=True)
            assert len(run) >= policy.fall
            assert severity == min(one.status.severity for one in run)
            assert step.lasted >= policy.min_time


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_a_status_never_gets_better_before_rise_better_results_in_a_row(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        severity = step.after.status.severity
        if not step.at_once and severity < step.before.status.severity:
            run = trailing(step, worse=False)
            assert len(run) >= policy.rise
            assert severity == max(one.status.severity for one in run)
            assert step.lasted >= policy.min_time


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_a_status_changes_as_soon_as_run_and_minimum_time_are_both_long_enough(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        if not step.at_once and step.lasted >= policy.min_time:
            due = len(trailing(step, worse=True)) >= policy.fall or (
                len(trailing(step, worse=False)) >= policy.rise
            )
            assert step.changed is due


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_first_stale_and_skipped_results_count_at_once(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        if step.at_once:
            assert step.after.status is step.run[-1].status


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_since_never_goes_back_and_moves_only_with_the_status(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        assert step.after.since is not None
        assert step.after.checked is not None
        if step.before.since is None or step.changed:
            assert step.after.since == step.after.checked
        else:
            assert step.after.since == step.before.since


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_the_shown_result_explains_the_published_status(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    for step in walk(policy, script):
        assert step.after.shown is not None
        assert step.after.shown.status is step.after.status


@settings(deadline=None)
@given(policy=policies, script=steps)
def test_flapping_never_changes_a_status(
    policy: CheckPolicy, script: list[tuple[CheckResult, float]]
) -> None:
    calm = flapping = CheckState()
    now = 0.0
    for result, gap in script:
        now += gap
        calm = advance(replace(calm, flips=()), result, at(now), policy)
        noisy = replace(flapping, flips=(now,) * 30, flapping=True)
        flapping = advance(noisy, result, at(now), policy)
        assert flapping.flapping
        assert not calm.flapping
        assert flapping.status is calm.status


def test_the_latest_result_is_kept_whatever_hysteresis_makes_of_it() -> None:
    state = advance(CheckState(), OK, at(0), POLICY)
    state = advance(state, REFUSED, at(10), POLICY)

    assert (state.status, state.shown) == (Status.HEALTHY, OK)
    assert (state.latest, state.checked) == (REFUSED, at(10))


def test_a_state_is_stale_from_the_end_of_its_validity_on() -> None:
    state = advance(CheckState(), OK, at(5), POLICY)

    assert POLICY.validity == 35
    assert not is_stale(state, at(39.9), POLICY)
    assert is_stale(state, at(40), POLICY)


def test_a_refusal_makes_looks_rarer_once_it_is_published() -> None:
    policy = replace(POLICY, backoff=True)
    refused = bad(Failure.AUTH, Status.DEGRADED)
    state, pauses = advance(CheckState(), OK, at(0), policy), []
    for number in range(policy.fall):
        state = advance(state, refused, at(10 + number), policy)
        pauses.append(state.pause)
    better = advance(state, OK, at(3700), policy)

    assert pauses == [0, 0, DELAYS[Failure.AUTH].seconds]
    assert better.pause == 0


def test_a_check_that_is_left_alone_longer_is_believed_longer() -> None:
    policy = replace(POLICY, backoff=True)
    state = advance(CheckState(), bad(Failure.AUTH, Status.DEGRADED), at(0), policy)

    # The hour, up to a tenth more, and what two more periods and the timeout give.
    until = 1.1 * DELAYS[Failure.AUTH].seconds + 2 * policy.period + policy.timeout
    assert state.pause == DELAYS[Failure.AUTH].seconds
    assert not is_stale(state, at(until - 0.1), policy)
    assert is_stale(state, at(until + 0.1), policy)


def test_nothing_is_stale_before_its_first_result() -> None:
    assert not is_stale(CheckState(), at(1e9), POLICY)


@pytest.mark.parametrize(
    ("changes", "flaps"), [(FLAP_ENTER - 1, False), (FLAP_ENTER, True)]
)
def test_a_check_flaps_from_the_sixth_change_in_the_window_on(
    changes: int, *, flaps: bool
) -> None:
    state = CheckState()
    for number in range(changes + 1):
        state = advance(state, (OK, REFUSED)[number % 2], at(number), POLICY)

    assert state.flapping is flaps


def test_flapping_ends_once_most_changes_have_left_the_window() -> None:
    state = replace(
        advance(CheckState(), OK, at(300), POLICY),
        flips=(101.0, 102.0, 299.0, 300.0),
        flapping=True,
    )

    assert advance(state, OK, at(301), POLICY).flapping
    after = advance(state, OK, at(302), POLICY)
    assert not after.flapping
    assert len(after.flips) == FLAP_LEAVE


def test_a_pause_that_somebody_else_decides_is_kept_and_keeps_the_result_valid() -> (
    None
):
    policy = CheckPolicy(period=60, timeout=10, backoff=True)
    decided = advance(CheckState(), bad(Failure.AUTH), at(0), policy, 100.0)
    usual = advance(CheckState(), bad(Failure.AUTH), at(0), policy)

    assert (decided.pause, usual.pause) == (100.0, DELAYS[Failure.AUTH].seconds)
    assert not is_stale(decided, at(200), policy)
    assert is_stale(decided, at(300), policy)
