"""What Railway's edge has answered, as the counters that a release is judged by.

Railway counts per service and minute, not per deployment. So a deployment's stretch is
cut to whole minutes: that in which it became active, of which the release before it has
answered a part, is left out, and so is the one that is not over. Whether a sample's
time is the beginning or the end of its minute is not documented; one minute more is
left out for that. Counts only grow, two or three minutes behind what happens.

Of latencies Railway tells four percentiles for each minute. They become a histogram by
spreading a minute's answers between them: half of them up to p50, then 40 %, 5 % and
4 %, evenly over the logarithm of the time, and one in a hundred just beyond p99. So
what is counted beyond a bound is an estimate: exact where a percentile meets the bound,
and between two of them wrong by the share between them at most.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError

__all__ = ["BOUNDS", "STEP", "Minute", "Minutes", "counters", "window"]

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram in seconds: those of the local platform."""

STEP: Final = 60
"""Seconds of one sample."""

LONGEST: Final = 6 * 3600
"""Seconds that a first question goes back; later ones only add what is new."""

_LATE: Final = 2 * STEP
"""Seconds for which a sample may still change after its minute is over."""
_SHARES: Final = ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"))
_FIRST_ERROR: Final = 500
_FIRST_STATUS: Final = 100
_LEAST: Final = 0.001
_BEYOND: Final = len(BOUNDS)


@dataclass(frozen=True, slots=True)
class Minute:
    """What was answered in one.

    Attributes:
        requests: all answers.
        errors: 5xx, and what was answered with no status at all.
        percentiles: p50, p90, p95 and p99 in seconds; empty: not told.
    """

    requests: float
    errors: float
    percentiles: tuple[float, ...] = ()


@dataclass(slots=True)
class _Sum:
    requests: float = 0.0
    errors: float = 0.0
    buckets: list[float] = field(default_factory=lambda: [0.0] * (_BEYOND + 1))

    def add(self, one: Minute) -> None:
        self.requests += one.requests
        self.errors += one.errors
        for index, share in _spread(one.percentiles):
            self.buckets[index] += share * one.requests


class Minutes:
    """What is known of one deployment's stretch, so that each question is short."""

    def __init__(self) -> None:
        self._settled = _Sum()
        self._recent: dict[int, Minute] = {}
        self._until: int | None = None

    def since(self, start: datetime) -> datetime:
        """From when on something may still be new."""
        if self._until is None:
            return start
        return max(start, _moment(self._until - _LATE))

    def take(self, body: Mapping[str, Any], start: datetime, end: datetime) -> None:
        """Adds what an answer of ``HttpTraffic`` tells, asked from :meth:`since` on.

        Raises:
            PlatformError: it is no such answer.
        """
        try:
            found = dict(_minutes(body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PlatformError(
                f"Railway's HTTP metrics cannot be read: {type(error).__name__}",
                remedy="take a newer pm33: its form is another one",
            ) from None
        first, last = int(start.timestamp()), int(end.timestamp())
        self._recent |= {at: one for at, one in found.items() if first <= at < last}
        self._until = last
        for at in [at for at in self._recent if at < last - _LATE]:
            self._settled.add(self._recent.pop(at))

    def counters(self) -> TrafficCounters:
        """The sum of all of them."""
        settled = self._settled
        total = _Sum(settled.requests, settled.errors, [*settled.buckets])
        for one in self._recent.values():
            total.add(one)
        return TrafficCounters(
            requests=round(total.requests),
            errors=round(total.errors),
            bounds=BOUNDS,
            buckets=tuple(map(round, total.buckets)),
        )


async def counters(
    api: RailwayApi,
    target: Target,
    since: datetime,
    until: datetime,
    *,
    known: Minutes | None = None,
) -> TrafficCounters | None:
    """What the edge has answered for a service while a deployment was active.

    Args:
        api: asked once, and not at all before a minute is over.
        target: whose requests.
        since: when the deployment became active.
        until: now, or when it ceased to be.
        known: of this deployment, from earlier questions; without it, the stretch is
            the newest six hours at most.

    Raises:
        PlatformError: Railway does not say.
    """
    known = Minutes() if known is None else known
    start, end = window(since, until)
    asked = known.since(start)
    if asked < end:
        body = await api.ask(
            "HttpTraffic",
            serviceId=target.service,
            environmentId=target.environment,
            startDate=asked.isoformat(),
            endDate=end.isoformat(),
            stepSeconds=STEP,
        )
        known.take(body, asked, end)
    return known.counters()


def window(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The whole minutes within a time, but the first; six hours at most."""
    last = math.floor(until.timestamp() / STEP) * STEP
    first = (math.ceil(since.timestamp() / STEP) + 1) * STEP
    return _moment(max(first, last - LONGEST)), _moment(last)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _minutes(body: Mapping[str, Any]) -> Iterator[tuple[int, Minute]]:
    requests: dict[int, float] = {}
    errors: dict[int, float] = {}
    for group in body["httpMetricsGroupedByStatus"]:
        failed = not _FIRST_STATUS <= int(group["statusCode"]) < _FIRST_ERROR
        for one in group["samples"]:
            at, count = int(one["ts"]), float(one["value"])
            requests[at] = requests.get(at, 0.0) + count
            errors[at] = errors.get(at, 0.0) + count * failed
    told = {
        int(one["ts"]): tuple(float(one[name]) / 1000 for _, name in _SHARES)
        for one in body["httpDurationMetrics"]["samples"]
    }
    for at, count in requests.items():
        yield at, Minute(count, errors[at], told.get(at, ()))


def _spread(percentiles: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Shares of a minute's answers, each with the bucket it falls into."""
    if not percentiles:
        return
    shares = [share for share, _ in _SHARES]
    known = [(0.0, 0.0), *zip(shares, percentiles, strict=True)]
    for (below, fast), (above, slow) in pairwise(known):
        yield from _between(fast, max(fast, slow), above - below)
    share, slowest = known[-1]
    yield _bucket(math.nextafter(slowest, math.inf)), 1.0 - share


def _between(fast: float, slow: float, share: float) -> Iterator[tuple[int, float]]:
    """Spreads a share over the buckets between two times, by their logarithm."""
    if slow <= max(fast, _LEAST):
        yield _bucket(slow), share
        return
    low = max(fast, _LEAST)
    whole = math.log(slow / low)
    edges = [low, *(bound for bound in BOUNDS if low < bound < slow), slow]
    for left, right in pairwise(edges):
        yield _bucket(right), share * math.log(right / left) / whole


def _bucket(seconds: float) -> int:
    """The histogram's bucket of a time; a bound belongs to the bucket below it."""
    return next((i for i, bound in enumerate(BOUNDS) if seconds <= bound), _BEYOND)
