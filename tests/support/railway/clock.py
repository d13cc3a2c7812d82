"""The simulator's time: durations are scaled, the times of day are real."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "rfc3339", "rfc3339_nano", "spoken"]

_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def _today() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Clock:
    """How long things take.

    Attributes:
        scale: real seconds for each second of Railway's.
        skew: seconds by which the times that the API tells are ahead.
    """

    scale: float = 1.0
    skew: float = 0.0
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = _today
    _last: datetime = _EARLIEST

    def elapsed(self) -> float:
        """Railway's seconds since some point."""
        return self.monotonic() / self.scale

    def real(self, seconds: float) -> float:
        """Real seconds for Railway's."""
        return seconds * self.scale

    async def sleep(self, seconds: float) -> None:
        """Waits for that many of Railway's seconds."""
        await asyncio.sleep(self.real(seconds))

    def now(self) -> datetime:
        """The time of day."""
        return self.wall()

    def told_now(self) -> datetime:
        """The same as the API tells it, skew included."""
        return self.now() + timedelta(seconds=self.skew)

    def stamp(self) -> datetime:
        """The time of day, later than every stamp before by a millisecond at least."""
        now = self.wall()
        self._last = max(now, self._last + _MILLISECOND)
        return self._last

    def told(self, moment: datetime) -> str:
        """As the API writes it, skew included."""
        return rfc3339(moment + timedelta(seconds=self.skew))

    def told_nano(self, moment: datetime, number: int) -> str:
        """As logs have it, skew included; the number tells lines of a moment apart."""
        return rfc3339_nano(moment + timedelta(seconds=self.skew), number)


def rfc3339(moment: datetime) -> str:
    """With milliseconds and Z, as JavaScript writes it."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def rfc3339_nano(moment: datetime, number: int) -> str:
    """With nanoseconds, of which the last three tell lines apart."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", f"{number % 1000:03d}Z")


def spoken(seconds: float) -> str:
    """As Go writes a duration: ``5m0s``, ``42s``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
