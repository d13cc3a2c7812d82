"""How much Railway lets be asked: what it says of its limits, and what this run made.

By plan and hour: 100 on Free, 1000 on Hobby, 10,000 on Pro (FACTS §1).
"""

import email.utils
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from app.backend.deploy.platforms.clock import Clock, SystemClock

__all__ = ["LONGEST", "RESERVE", "Quota", "date_of", "pace", "seconds_to_reset"]

RESERVE: Final = 18
"""Requests that watching leaves: enough to find the way back, take it and follow it."""

LONGEST: Final = 3600.0
"""Seconds of the longest window there is; a longer one is not believed."""

# Railway does not say which of these it sends (FACTS §1): they cannot be mistaken.
_SINCE_1970: Final = 1_000_000_000
_MILLISECONDS: Final = 1_000_000_000_000


class Quota:
    """One process's count of requests, and what the answers said of the limits.

    Attributes:
        made: requests that were sent, whatever came of them.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.made = 0
        self._clock = clock or SystemClock()
        self._limit: int | None = None
        self._left: int | None = None
        self._ends = -math.inf

    @property
    def limit(self) -> int | None:
        """Requests in a window; None: Railway has not said."""
        return self._limit

    @property
    def left(self) -> int | None:
        """Of these, less what was sent since; None: not told, or the window is over."""
        if self._left is None or self._seconds() <= 0:
            return None
        return self._left

    @property
    def resets_at(self) -> datetime | None:
        """When the window ends, in UTC; None: not told, or it has ended."""
        seconds = self._seconds()
        return datetime.now(UTC) + timedelta(seconds=seconds) if seconds > 0 else None

    def sent(self) -> None:
        """Counts a request."""
        self.made += 1
        if self._left:
            self._left -= 1

    def saw(self, headers: Mapping[str, str]) -> None:
        """Takes in an answer's headers, names in lower case."""
        limit, left = (_count(headers.get(name, "")) for name in _COUNTS)
        seconds = seconds_to_reset(headers, datetime.now(UTC))
        if left is None or seconds is None:
            return
        self._limit, self._left = limit, left
        self._ends = self._clock.time() + seconds

    def pace(self, *, reserve: int = RESERVE) -> float:
        """Seconds to wait between two requests, so that what is left lasts; 0: any."""
        left = self.left
        return 0.0 if left is None else pace(left, self._seconds(), reserve=reserve)

    def words(self) -> str:
        """For a reader: what was made, and what is left until when."""
        made = f"{self.made} request{'' if self.made == 1 else 's'} of Railway's API"
        left, resets_at = self.left, self.resets_at
        if left is None or resets_at is None:
            return made
        of = "" if self._limit is None else f" of {self._limit}"
        return f"{made}; {left}{of} left until {resets_at:%H:%M:%S} UTC"

    def _seconds(self) -> float:
        return self._ends - self._clock.time()


def pace(left: int, seconds: float, *, reserve: int = RESERVE) -> float:
    """Seconds between two requests, so that ``left`` of them last for ``seconds``.

    Args:
        left: requests that may still be made.
        seconds: until there are new ones.
        reserve: requests that are not spent; with no more than these left, the wait
            is for the new ones.
    """
    return max(seconds, 0.0) / max(left - reserve, 1)


def seconds_to_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until ``X-RateLimit-Reset``; None: it is not there, or is no time.

    It is read as seconds to come, as a time since 1970 in seconds or milliseconds, or
    as a date; a time is compared with the answer's own ``Date``, else with ours.
    """
    text = headers.get("x-ratelimit-reset", "").strip()
    try:
        number = float(text)
    except ValueError:
        number = _since_1970(text)
    if not math.isfinite(number):
        return None
    if number >= _MILLISECONDS:
        number /= 1000
    if number >= _SINCE_1970:
        number -= (date_of(headers) or now).timestamp()
    return min(max(number, 0.0), LONGEST)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was made, by its sender's clock; None: it does not say."""
    at = _date(headers.get("date", ""))
    return at if at is not None and at.tzinfo else None


_COUNT: Final = re.compile(r"[0-9]{1,9}")
_COUNTS: Final = ("x-ratelimit-limit", "x-ratelimit-remaining")


def _count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text.strip()) else None


def _since_1970(text: str) -> float:
    try:
        time: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        time = _date(text)
    return time.timestamp() if time and time.tzinfo else math.nan


def _date(text: str) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7)."""
    try:
        return email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
