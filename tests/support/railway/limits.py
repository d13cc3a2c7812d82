"""How often the API may be asked (FACTS §1); windows are as long as the clock says."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.railway.clock import Clock
from tests.support.railway.plans import BARE_PATH_PER_SECOND, Plan

__all__ = ["Limits", "Verdict"]

_HOUR: Final = 3600.0
_SECOND: Final = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go on.

    Attributes:
        headers: of its answer.
        retry_after: seconds, real and whole; None: it may go on.
    """

    headers: Mapping[str, str]
    retry_after: int | None = None


@dataclass(slots=True)
class _Window:
    begins: float
    made: int = 0
    recent: deque[float] = field(default_factory=deque)


class Limits:
    """Counts by token; an hour's window begins with its first request."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._bare: deque[float] = deque()

    def bursts(self) -> bool:
        """Whether one more request without a query string is one too many."""
        return _exceeds(self._bare, self._clock.elapsed(), BARE_PATH_PER_SECOND)

    def judge(self, token: str) -> Verdict:
        """One more request with this token."""
        now = self._clock.elapsed()
        window = self._windows.get(token)
        if window is None or now - window.begins >= _HOUR:
            window = self._windows[token] = _Window(now)
        window.made += 1
        left = window.begins + _HOUR - now
        headers = self._headers(window, left)
        if window.made > self._plan.per_hour:
            return Verdict(headers, self._whole(left))
        rate = self._plan.per_second
        if rate is not None and _exceeds(window.recent, now, rate):
            return Verdict(headers, self._whole(_SECOND))
        return Verdict(headers)

    def spend(self, token: str, left: int) -> None:
        """Leaves only that many requests of the window, for a test's sake."""
        now = self._clock.elapsed()
        self._windows[token] = _Window(now, self._plan.per_hour - left)

    def _headers(self, window: _Window, left: float) -> dict[str, str]:
        limit = self._plan.per_hour
        reset = self._clock.told_now().timestamp() + self._clock.real(left)
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - window.made)),
            "x-ratelimit-reset": str(math.ceil(reset)),
            "ratelimit-policy": f'"hour";q={limit};w={int(_HOUR)}',
        }

    def _whole(self, seconds: float) -> int:
        return max(1, math.ceil(self._clock.real(seconds)))


def _exceeds(recent: deque[float], now: float, rate: int) -> bool:
    """Whether it is more than that many within the last second."""
    while recent and now - recent[0] >= _SECOND:
        recent.popleft()
    if len(recent) >= rate:
        return True
    recent.append(now)
    return False
