"""Brings one connection's schema to a goal by Alembic, try by try."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from app.backend.migrations.running.aside import aside
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.gate import Gate
from app.backend.migrations.running.history import CLOSE_STEPS, History
from app.backend.migrations.running.ledger import Ledger
from app.backend.migrations.running.trial import Trials
from app.backend.migrations.running.way import Way
from app.backend.migrations.statements import EXECUTOR, StepExecutor
from app.errors import OpsError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Applying"]


class Applying:
    """One way, with as many tries as it takes.

    A revision is one transaction, which is repeated as a whole when it gets no lock.
    Revisions before it are committed, and stay so.

    Args:
        config: says where the revisions are.
        run: its id.
        gate: what the statements pass.
        executor: runs the steps of safe operations.
        way: up or down.
        trials: decide whether there is another try.
        history: knows what earlier runs have done of a revision.
        applied: awaited after each revision.
        tell: is told.
    """

    def __init__(
        self,
        config: "AlembicConfig",
        *,
        run: str,
        gate: Gate,
        executor: StepExecutor,
        way: Way,
        trials: Trials,
        history: History,
        applied: Callable[[], Awaitable[None]],
        tell: Tell,
    ) -> None:
        self._config = config
        self._run = run
        self._gate = gate
        self._executor = executor
        self._way = way
        self._trials = trials
        self._history = history
        self._applied = applied
        self._tell = tell
        self._number = 0

    async def finish(self, connection: "AsyncConnection") -> None:
        """Does what is missing.

        Raises:
            OpsError: it was stopped, or given up.
            Exception: whatever a revision raises; it has been rolled back as far as
                it was one transaction.
        """
        while True:
            try:
                await connection.run_sync(self._migrate)
            except DBAPIError as error:
                trial = await self._gate.fallen()
                if trial is None:
                    raise
                # Alembic has rolled back; what it was not asked to begin it leaves.
                with suppress(DBAPIError):
                    await connection.rollback()
                try:
                    await self._trials.failed(trial, error)
                except (DBAPIError, OpsError):
                    await connection.run_sync(self._gate.sweep, trial)
                    raise
            except BaseException:
                await self._gate.fallen()
                raise
            else:
                return

    def _migrate(self, connection: "Connection") -> None:
        self._config.attributes["connection"] = connection
        self._config.attributes["options"] = {
            EXECUTOR: self._executor,
            "on_version_apply": self._complete,
        }
        scripts = ScriptDirectory.from_config(self._config)
        environment = EnvironmentContext(
            self._config,
            scripts,
            fn=partial(self._steps, scripts),
            as_sql=False,
        )
        with environment:
            scripts.run_env()

    def _steps(
        self, scripts: ScriptDirectory, heads: Any, _context: Any
    ) -> Iterator[Any]:
        """What Alembic runs; it comes back here when each one is committed."""
        if heads:
            done = [one.revision for one in scripts.iterate_revisions(heads, "base")]
            await_only(self._history.forget(done))
        for step in self._way.steps(scripts, heads):
            revision: str = step.revision.revision
            self._begin(self._way.name(revision))
            yield step
            self._tell_of(self._way.completed, revision)
            await_only(self._applied())

    def _begin(self, revision: str) -> None:
        again = revision == self._gate.revision
        self._number = self._number + 1 if again else 1
        committed = await_only(self._history.committed(revision))
        self._gate.open_for(revision, Ledger(revision, committed), self._number)
        if not again:
            self._tell_of(Happening.REVISION, revision)

    def _complete(self, *, ctx: "MigrationContext", step: Any, **_rest: Any) -> None:
        """Called by Alembic in the transaction that moves the version rows."""
        if self._history.there and ctx.connection is not None:
            name = self._way.name(step.up_revision_id)
            aside(ctx.connection, CLOSE_STEPS, name)

    def _tell_of(self, kind: Happening, revision: str) -> None:
        self._tell(MigrationEvent(kind=kind, run=self._run, revision=revision))
