"""What changed and when, so that "was it red at 03:12?" has an answer."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from app.backend.health.models import Failure, Status

__all__ = ["History", "Transition"]

KEPT = 1000
UNSAVED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A check's published status changed; the message is redacted already."""

    check: str
    before: Status
    after: Status
    at: datetime
    failure: Failure | None
    message: str

    def to_dict(self, *, details: bool) -> dict[str, str | None]:
        """JSON-ready; the message is for those who may see details."""
        body: dict[str, str | None] = {
            "check": self.check,
            "from": self.before,
            "to": self.after,
            "at": self.at.isoformat(),
            "failure": self.failure,
        }
        return body | ({"message": self.message} if details else {})


class History:
    """The newest transitions in memory, and those that still have to be stored.

    Both are bounded: with the database gone for hours the oldest unsaved ones are
    given up, and counted in ``lost``.
    """

    def __init__(self) -> None:
        self._ring: deque[Transition] = deque(maxlen=KEPT)
        self._unsaved: deque[Transition] = deque()
        self.lost = 0

    def add(self, transition: Transition) -> None:
        """Remembers it; storing is somebody else's work, in the background."""
        self._ring.append(transition)
        if len(self._unsaved) >= UNSAVED:
            self._unsaved.popleft()
            self.lost += 1
        self._unsaved.append(transition)

    def newest(self, limit: int, check: str | None = None) -> tuple[Transition, ...]:
        """The newest first, at most ``limit``, of one check or of all."""
        wanted = (t for t in reversed(self._ring) if check in {None, t.check})
        return tuple(t for t, _ in zip(wanted, range(limit), strict=False))

    def unsaved(self) -> tuple[Transition, ...]:
        """What has to be stored; call :meth:`saved` with it afterwards."""
        return tuple(self._unsaved)

    def saved(self, transitions: tuple[Transition, ...]) -> None:
        """Forgets what has been stored."""
        stored = set(map(id, transitions))
        self._unsaved = deque(t for t in self._unsaved if id(t) not in stored)
