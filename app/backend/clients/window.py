"""What was asked in the last minute. Pure: the clock is an argument.

``shared.lua`` does the same for all replicas together.
"""

import math

from app.backend.clients.limit import Limit

__all__ = ["SPAN", "Window"]

SPAN = 60
"""Seconds for which a request counts, since vendors' limits are by the minute."""


class Window:
    """Requests and tokens, by the second in which they were let through.

    A second counts as long as any moment of it is less than a minute ago. So no span
    of 60 s, wherever it begins, holds more than the limit, for which a bucket that is
    refilled steadily would have to be half as large. The price is a sixtieth of it.
    """

    def __init__(self) -> None:
        # In the order of time: the clock never goes back.
        self._seconds: dict[int, list[int]] = {}

    def wait(self, now: float, limit: Limit, tokens: int) -> float:
        """Seconds until one more request fits; 0: it does now. Nothing is counted.

        Args:
            now: seconds, of any clock that never goes back.
            limit: what may be asked.
            tokens: that the request counts; no more than the limit.
        """
        self._forget(now)
        used = [sum(column) for column in zip(*self._seconds.values(), strict=True)]
        requests, spent = used or (0, 0)
        excess = [
            requests + 1 - limit.requests if limit.requests else 0,
            spent + tokens - limit.tokens if limit.tokens else 0,
        ]
        if max(excess) <= 0:
            return 0.0
        for second, counted in self._seconds.items():
            excess = [over - one for over, one in zip(excess, counted, strict=True)]
            if max(excess) <= 0:
                return second + SPAN + 1 - now
        return float(SPAN + 1)

    def add(self, now: float, tokens: int) -> int:
        """Counts a request; returns the second in which it was, for :meth:`correct`."""
        second = math.floor(now)
        counted = self._seconds.setdefault(second, [0, 0])
        counted[0] += 1
        counted[1] += tokens
        return second

    def correct(self, second: int, tokens: int) -> None:
        """Counts so many tokens more (or fewer), unless that second is forgotten."""
        counted = self._seconds.get(second)
        if counted is not None:
            counted[1] = max(counted[1] + tokens, 0)

    def _forget(self, now: float) -> None:
        oldest = math.floor(now) - SPAN
        for second in [one for one in self._seconds if one < oldest]:
            del self._seconds[second]
