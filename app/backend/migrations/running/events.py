"""What a run tells while it goes on."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

from app.backend.migrations.running.blockers import Blocker

__all__ = ["Happening", "MigrationEvent", "Tell"]

_SHOWN = 100


class Happening(StrEnum):
    """What has happened."""

    WAITING = "waiting"
    ORPHAN = "orphan"
    REVISION = "revision"
    STATEMENT = "statement"
    DONE = "done"
    BLOCKED = "blocked"
    ENDED = "ended"
    KEPT = "kept"
    CLEANED = "cleaned"
    BATCH = "batch"
    APPLIED = "applied"
    REVERSED = "reversed"
    COUNTING = "counting"
    RESTORING = "restoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationEvent:
    """One moment of a run.

    Attributes:
        run: its id.
        revision: the one under way; None before the first.
        statement: what was sent, or left out.
        attempt: which try, from 1.
        seconds: of a failed try, or of the statement that is done.
        pause: seconds until the next try; None: it goes on waiting.
        budget_left: seconds that may still be lost to locks.
        blockers: who was in the way.
        message: what only words can say.
    """

    kind: Happening
    run: str
    revision: str | None = None
    statement: str | None = None
    attempt: int = 1
    seconds: float = 0.0
    pause: float | None = None
    budget_left: float | None = None
    blockers: tuple[Blocker, ...] = ()
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @override
    def __str__(self) -> str:
        """One line for people."""
        what = " ".join((self.statement or "").split())[:_SHOWN]
        name = f"{self.revision}: " if self.revision else ""
        words = {
            Happening.REVISION: "begins",
            Happening.APPLIED: "applied",
            Happening.REVERSED: "reversed",
            Happening.KEPT: f"done before: {what}",
            Happening.CLEANED: f"took away what was left half made: {what}",
            Happening.STATEMENT: what,
            Happening.DONE: f"{self.seconds:.3f} s for {what}",
        }
        if self.kind is Happening.BLOCKED:
            return name + self._blocked(what)
        return name + words.get(self.kind, self.message)

    def _blocked(self, what: str) -> str:
        by = "; ".join(map(str, self.blockers)) or "somebody who is gone again"
        then = "still waiting" if self.pause is None else f"again in {self.pause:.1f} s"
        return (
            f"no lock in {self.seconds * 1000:.0f} ms"
            f" (try {self.attempt}) for {what}; blocked by {by};"
            f" {then}, {self.budget_left or 0:.0f} s left"
        )


Tell = Callable[[MigrationEvent], None]
"""Called in the runner's thread; must neither wait nor raise."""
