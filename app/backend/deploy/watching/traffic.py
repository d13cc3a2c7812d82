"""Judges a release by its users' own requests, as the proxy has counted them. Pure.

The rule and its measured false alarms: with 0.5 to 50 requests a second, at most 0.5 %
of healthy releases over 15 minutes, and a release with 5 % errors found in 20 s
(median, 5 requests a second).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.bayes import exceeds, upper_bound

__all__ = ["Stretch", "TrafficNorm", "judge", "norm_of", "stretch_between"]

CERTAIN: Final = 0.999
FEWEST_EVENTS: Final = 5
WORSE: Final = 2.0
"""So many times the old release's share may be reached; Railway gives us no second
release at the same time, so drift within a day has to fit in."""
FLOOR: Final = 0.005
"""A share of errors that is never worth a rollback by itself."""
UNKNOWN_SHARE: Final = 0.05
"""What is taken for the old release's share when it has answered too little."""
ENOUGH: Final = 100

RECENT: Final = 120.0
"""Seconds that are judged by themselves, so that a long good time hides nothing."""

_CAP = 3.0
_LEAST_CAP = 2
_MUCH_WORSE = 4.0
_SLOW_FLOOR = 0.025
_FEWEST_SLOW = 20
_SLOWER_BY = 0.25
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class TrafficNorm:
    """What the release must not exceed.

    Attributes:
        errors: share of errors.
        slow: seconds that count as slow; None: nothing does.
        slower: share of slow answers.
    """

    errors: float
    slow: float | None
    slower: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was answered between two looks; ``at`` is the time of the later one."""

    at: float
    requests: int
    errors: int
    slow: int
    excused: bool = False


@lru_cache(maxsize=8)
def norm_of(old: TrafficCounters | None) -> TrafficNorm:
    """The norm, from what the old release has answered."""
    old = old or TrafficCounters()
    share = upper_bound(old.errors, old.requests)
    if old.requests < ENOUGH:
        share = min(share, UNKNOWN_SHARE)
    slow = _slow_bound(old)
    slower = upper_bound(_beyond(old, slow), old.requests)
    return TrafficNorm(
        errors=WORSE * max(share, FLOOR),
        slow=slow,
        slower=_MUCH_WORSE * max(slower, _SLOW_FLOOR),
    )


def stretch_between(
    at: float,
    before: TrafficCounters | None,
    after: TrafficCounters,
    norm: TrafficNorm,
) -> Stretch:
    """What was answered since the last look; nothing when counting began anew."""
    if before is None:
        return Stretch(at, 0, 0, 0)
    requests = after.requests - before.requests
    errors = after.errors - before.errors
    slow = _beyond(after, norm.slow) - _beyond(before, norm.slow)
    if min(requests, errors, slow) < 0:
        return Stretch(at, 0, 0, 0)
    return Stretch(at, requests, min(errors, requests), min(slow, requests))


def judge(stretches: Sequence[Stretch], norm: TrafficNorm) -> str:
    """What is wrong with these answers; empty when nothing is, or too little is known.

    Both all of them and the newest two minutes are judged. A stretch that is excused
    is left out, and no stretch counts with more than a few times what the norm allows:
    a burst fails a great many requests in a moment, but duration tells a release.
    """
    if not stretches:
        return ""
    recent = [one for one in stretches if one.at > stretches[-1].at - RECENT]
    for some in (stretches, recent):
        complaint = _judge([one for one in some if not one.excused], norm)
        if complaint:
            return complaint
    return ""


def _judge(stretches: Sequence[Stretch], norm: TrafficNorm) -> str:
    requests = sum(one.requests for one in stretches)
    errors = sum(min(one.errors, _most(one.requests, norm.errors)) for one in stretches)
    if errors >= FEWEST_EVENTS and exceeds(errors, requests, norm.errors) > CERTAIN:
        counted = sum(one.errors for one in stretches)
        return (
            f"{counted} of {requests} requests failed; after the old release at most "
            f"{norm.errors:.1%} were to be expected"
        )
    if norm.slow is None:
        return ""
    slow = sum(min(one.slow, _most(one.requests, norm.slower)) for one in stretches)
    if slow >= _FEWEST_SLOW and exceeds(slow, requests, norm.slower) > CERTAIN:
        counted = sum(one.slow for one in stretches)
        return (
            f"{counted} of {requests} requests took longer than {norm.slow:g} s; after "
            f"the old release at most {norm.slower:.1%} were to be expected"
        )
    return ""


def _most(requests: int, share: float) -> int:
    return max(_LEAST_CAP, math.ceil(_CAP * share * requests))


def _slow_bound(old: TrafficCounters) -> float | None:
    """A bound well beyond the old release's 95th percentile; None: it is not known.

    Twice as long and a quarter of a second longer at least: from 4 to 12 ms is a
    difference that no rollback is worth.
    """
    answered = sum(old.buckets)
    if answered < ENOUGH:
        return None
    seen = 0
    for bound, count in zip(old.bounds, old.buckets, strict=False):
        seen += count
        if seen >= _P95 * answered:
            least = max(2 * bound, bound + _SLOWER_BY)
            index = bisect_left(old.bounds, least)
            return old.bounds[index] if index < len(old.bounds) else None
    return None


def _beyond(counters: TrafficCounters, bound: float | None) -> int:
    """Answers that took longer than a bound."""
    if bound is None:
        return 0
    return sum(counters.buckets[bisect_left(counters.bounds, bound) + 1 :])
