"""How long a release that is not healthy yet is waited for, and how often it is asked.

Pure: what was seen goes in, a decision comes out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.backend.deploy.platforms.local.startup_page import Fault

__all__ = ["Patience", "Refusal"]

# A check's one result is asked for several times, so both are asked for.
_ANSWERS: Final = 3
_SECONDS: Final = 5.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Refusal:
    """A replica has said that it will never take traffic.

    Attributes:
        replica: its name.
        start: which of its starts says so; the next one may be better.
        faults: why; all of them hold the gate for good.
    """

    replica: str
    start: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Streak:
    start: int
    since: float
    answers: int


@dataclass(frozen=True, slots=True)
class Patience:
    """What is left of the patience with a starting deployment.

    Attributes:
        pause: seconds until it is asked again. Who does not listen yet is asked ten
            times a second, which costs nothing; each answer may be a line of its log,
            so the pauses between answers grow to one second.
    """

    pause: float = _FIRST_PAUSE
    streaks: Mapping[str, _Streak] = field(default_factory=dict)

    def after(
        self, refusals: Iterable[Refusal], *, answered: bool, now: float
    ) -> "Patience":
        """What is left after one look at all replicas.

        Args:
            refusals: by those that say they never will.
            answered: whether any of them has answered at all.
            now: monotonic seconds.
        """
        pause = min(_LONGEST_PAUSE, self.pause * _GROWTH) if answered else _FIRST_PAUSE
        streaks = {one.replica: self._streak(one, now) for one in refusals}
        return Patience(pause, streaks)

    def ended_by(self, refusals: Iterable[Refusal], now: float) -> Refusal | None:
        """The refusal that is certain: three answers in a row, over 5 s."""
        for one in refusals:
            streak = self.streaks.get(one.replica)
            if streak is None or streak.answers < _ANSWERS:
                continue
            if now - streak.since >= _SECONDS:
                return one
        return None

    def _streak(self, refusal: Refusal, now: float) -> _Streak:
        known = self.streaks.get(refusal.replica)
        if known is None or known.start != refusal.start:
            return _Streak(refusal.start, now, 1)
        return _Streak(known.start, known.since, known.answers + 1)
