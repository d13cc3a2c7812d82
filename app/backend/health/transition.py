"""How a check's status follows its results: one pure function.

Hysteresis works both ways, as in load balancers (HAProxy's ``fall`` and ``rise``):
one bad answer does not turn a check red, one good answer does not clear it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.backend.health.backoff import pause_after
from app.backend.health.models import CheckPolicy, CheckResult, Status

__all__ = ["CheckState", "Instant", "advance", "is_stale"]

FLAP_WINDOW = 20
"""Periods over which changes of the raw result are counted."""
FLAP_ENTER = 6
"""Changes in the window from which on a check is said to flap."""
FLAP_LEAVE = 2
"""Changes in the window at which it no longer does."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: ``monotonic`` seconds decide, ``wall`` is shown."""

    monotonic: float
    wall: datetime

    @classmethod
    def of(cls, monotonic: float, epoch: float) -> "Instant":
        """Builds it from ``time.monotonic()`` and ``time.time()``."""
        return cls(monotonic, datetime.fromtimestamp(epoch, UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What is known of one check.

    Attributes:
        status: the published status.
        since: when that status was entered; None before the first result.
        shown: the result that explains ``status``.
        latest: the newest result, whatever hysteresis makes of it.
        checked: when ``latest`` came in.
        run: how many results in a row have been worse (or better) than ``status``.
        run_result: the newest of the run's results nearest to ``status``, which is
            what the whole run has reached.
        flips: when the raw result changed, within the flap window.
        flapping: an annotation; it never changes the status.
        pause: seconds from ``latest`` to the next attempt, up to a tenth more; 0: the
            period, as usual.
    """

    status: Status = Status.UNKNOWN
    since: Instant | None = None
    shown: CheckResult | None = None
    latest: CheckResult | None = None
    checked: Instant | None = None
    run: int = 0
    run_result: CheckResult | None = None
    flips: tuple[float, ...] = ()
    flapping: bool = False
    pause: float = 0.0


def advance(
    state: CheckState,
    result: CheckResult,
    now: Instant,
    policy: CheckPolicy,
    pause: float | None = None,
) -> CheckState:
    """Takes one result in and returns the next state.

    The first result, and the first one after the state went stale, counts at once;
    so does a change from or to ``skipped``, which is a matter of configuration.
    A failure makes the next attempts rarer once it is published: what came only once
    is looked at again after a period.

    Args:
        state: what was known.
        result: what came in.
        now: when it was found.
        policy: of the check.
        pause: seconds from it to the next attempt, where somebody else decides that.
    """
    after = _follow(state, result, now, policy)
    if pause is None:
        sure = after.status is result.status
        pause = pause_after(result, policy, sure=sure)
    return replace(after, pause=pause)


def _follow(
    state: CheckState, result: CheckResult, now: Instant, policy: CheckPolicy
) -> CheckState:
    state = _count_flips(state, result, now, policy)
    before = replace(state, latest=result, checked=now)
    if (
        state.status is Status.UNKNOWN
        or Status.SKIPPED in {state.status, result.status}
        or is_stale(state, now, policy)
    ):
        return _publish(before, result, now)
    change = result.status.severity - state.status.severity
    if change == 0:
        return replace(before, shown=result, run=0)
    return _extend_run(before, result, now, policy, worse=change > 0)


def is_stale(state: CheckState, now: Instant, policy: CheckPolicy) -> bool:
    """Whether the newest result is too old to be believed."""
    return (
        state.checked is not None
        and now.monotonic - state.checked.monotonic
        >= policy.validity_after(state.pause)
    )


def _extend_run(
    state: CheckState,
    result: CheckResult,
    now: Instant,
    policy: CheckPolicy,
    *,
    worse: bool,
) -> CheckState:
    level, reached, run = state.status.severity, result, 1
    so_far = state.run_result if state.run else None
    if so_far is not None and worse == (so_far.status.severity > level):
        run = state.run + 1
        nearest = min if worse else max
        reached = nearest(result, so_far, key=lambda one: one.status.severity)
    lasted = now.monotonic - state.since.monotonic if state.since else policy.min_time
    needed = policy.fall if worse else policy.rise
    if run >= needed and lasted >= policy.min_time:
        return _publish(state, reached, now)
    return replace(state, run=run, run_result=reached)


def _publish(state: CheckState, result: CheckResult, now: Instant) -> CheckState:
    changed = result.status is not state.status
    return replace(
        state,
        status=result.status,
        since=now if changed or state.since is None else state.since,
        shown=result,
        run=0,
        run_result=None,
    )


def _count_flips(
    state: CheckState, result: CheckResult, now: Instant, policy: CheckPolicy
) -> CheckState:
    horizon = now.monotonic - FLAP_WINDOW * policy.period
    flips = tuple(at for at in state.flips if at > horizon)
    if state.latest is not None and state.latest.status is not result.status:
        flips = (*flips, now.monotonic)
    limit = FLAP_LEAVE + 1 if state.flapping else FLAP_ENTER
    return replace(state, flips=flips, flapping=len(flips) >= limit)
