"""What of a run is told, and written down, while its statements pass."""

from typing import TYPE_CHECKING

from app.backend.migrations.running.aside import aside
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.history import INSERT_STEP, History, step_values
from app.backend.migrations.running.masking import masked
from app.backend.migrations.running.trial import Trial
from app.backend.migrations.statements import Lock

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Account"]


class Account:
    """Of one run, revision by revision.

    Args:
        run: its id.
        history: where what took effect is written down.
        tell: is told.
    """

    def __init__(self, run: str, history: History, tell: Tell) -> None:
        self._run = run
        self._history = history
        self._tell = tell
        self._position = 0
        self.revision = ""

    @property
    def is_kept(self) -> bool:
        """Whether there is anything to write into."""
        return self._history.there

    def open_for(self, revision: str) -> None:
        """Statements are a revision's from now on."""
        if revision != self.revision:
            self._position = 0
        self.revision = revision

    def keep(
        self,
        connection: "Connection",
        statement: str,
        directive: str | None,
        lock: Lock,
    ) -> None:
        """Writes a statement down in the transaction that it belongs to.

        Args:
            connection: that transaction's.
            statement: that has taken effect.
            directive: the safe operation that it belongs to; None: to none.
            lock: that it took.
        """
        if not self.is_kept:
            return
        self._position += 1
        values = step_values(
            self._run,
            self.revision,
            self._position,
            statement,
            directive=directive,
            lock=lock,
        )
        aside(connection, INSERT_STEP, *values)

    async def note(self, trial: Trial, outcome: str) -> None:
        """Writes a try of a statement down that knows no transaction."""
        await self._history.attempt(
            trial.revision,
            trial.statement,
            number=trial.number,
            lock_timeout=trial.lock_timeout,
            seconds=trial.seconds,
            outcome=outcome,
        )

    async def was_begun(self, statement: str) -> bool:
        """Whether an earlier run has sent it and never heard of its end.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: it cannot be told.
        """
        return await self._history.was_begun(self.revision, statement)

    def say(
        self, kind: Happening, statement: str, *, number: int, seconds: float = 0.0
    ) -> None:
        """Tells of a statement.

        Args:
            kind: what has happened.
            statement: to it.
            number: which try it is, from 1.
            seconds: that it took.
        """
        self._tell(
            MigrationEvent(
                kind=kind,
                run=self._run,
                revision=self.revision,
                statement=masked(statement),
                attempt=number,
                seconds=seconds,
            )
        )
