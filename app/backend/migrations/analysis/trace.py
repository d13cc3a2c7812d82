"""Runs revisions on a scratch database, and sees what each of their statements does.

That is how dynamic SQL, helpers and loops are seen, too: by what the server did, not by
what the text says. The idea is eugene's (https://github.com/kaaveland/eugene).
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.models import SCHEMA
from app.backend.database.target import DatabaseTarget
from app.backend.migrations import operations as _directives  # noqa: F401 - op.safe_…
from app.backend.migrations.analysis.aside import aside
from app.backend.migrations.analysis.side import SideWatch
from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.analysis.watch import StatementWatch, reason_of
from app.backend.migrations.recording import alembic_of_this_process, shown
from app.backend.migrations.revisions import goal_in, source_of
from app.backend.migrations.statements import EXECUTOR, Presence, Step
from app.backend.migrations.texts.statement import read_statement
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

__all__ = ["trace"]

_CONNECT_TIMEOUT: Final = 10.0
_MOST_BATCHES: Final = 1000
"""On a database without rows: more is a loop that has no end."""


async def trace(
    scratch: DatabaseTarget,
    config: "AlembicConfig",
    *,
    applied: Collection[str],
    destination: str,
    beneath: "Sequence[AlembicConfig]" = (),
) -> tuple[Traced, ...]:
    """Builds what is applied, then runs what an upgrade would run.

    Every statement of the revisions is there in its order, save queries that lock and
    change nothing. When one fails, it is the last, with its error.

    Args:
        scratch: an empty database, whose server may be watched while it works.
        config: of Alembic; says where the revisions are.
        applied: the version rows of the database that is to be migrated.
        destination: as Alembic names it: ``expand@head``, ``heads``, an id.
        beneath: sources whose revisions are all built first.

    Raises:
        MigrationError: what is applied cannot be built on an empty database.
    """
    run = partial(_trace, scratch, config, tuple(applied), destination, tuple(beneath))
    return await aside(run, alembic_of_this_process())


async def _trace(
    scratch: DatabaseTarget,
    config: "AlembicConfig",
    applied: tuple[str, ...],
    destination: str,
    beneath: "tuple[AlembicConfig, ...]",
) -> tuple[Traced, ...]:
    scripts = ScriptDirectory.from_config(config)
    base = _between(scripts, applied, "base") if applied else []
    goal = goal_in(scripts, destination)
    steps = _between(scripts, goal, applied or "base") if goal else []
    async with _connections(scratch) as (engine, other), engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        side = SideWatch(other, driver.get_server_pid())
        try:
            run = _Run(config, scripts, side, beneath)
            return await connection.run_sync(run, base, steps)
        finally:
            await side.close()


@asynccontextmanager
async def _connections(
    scratch: DatabaseTarget,
) -> AsyncIterator[tuple[AsyncEngine, "asyncpg.Connection[asyncpg.Record]"]]:
    connect: Callable[[], Any] = partial(
        asyncpg.connect,
        **scratch.connect_arguments("pm33-scratch"),
        timeout=_CONNECT_TIMEOUT,
    )
    other = await connect()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    try:
        yield engine, other
    finally:
        await engine.dispose()
        other.terminate()


def _between(
    scripts: ScriptDirectory, upper: str | tuple[str, ...], lower: str | tuple[str, ...]
) -> list[Script]:
    found = scripts.iterate_revisions(upper, lower, implicit_base=True)
    return [one for one in found if one is not None][::-1]


class _Run:
    """One run of one trace, on a connection that may block."""

    def __init__(
        self,
        config: "AlembicConfig",
        scripts: ScriptDirectory,
        side: SideWatch,
        beneath: "Sequence[AlembicConfig]",
    ) -> None:
        self._config = config
        self._beneath = beneath
        self._scripts = scripts
        self._side = side

    def __call__(
        self, connection: Connection, base: Sequence[Script], steps: Sequence[Script]
    ) -> tuple[Traced, ...]:
        watch = StatementWatch(connection, self._side)
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.commit()
        try:
            for config in self._beneath:
                scripts = ScriptDirectory.from_config(config)
                every = _unwatched(_between(scripts, "heads", "base"))
                self._migrate(connection, watch, every, config, scripts)
            self._migrate(connection, watch, _unwatched(base))
        except Exception as error:  # a revision raises what it likes
            raise MigrationError(
                "what is applied already cannot be built on an empty database:"
                f" {reason_of(error)}",
                remedy="mend the revision that depends on what no revision makes",
            ) from error
        watch.learn()
        connection.commit()
        event.listen(connection, "before_cursor_execute", watch.before)
        event.listen(connection, "after_cursor_execute", watch.after)
        try:
            self._migrate(connection, watch, _watched(steps, watch))
        except Exception as error:  # noqa: BLE001 - as above; it is what was asked for
            watch.fail(error)
        return tuple(one for one in watch.traced if not _only_asks(one))

    def _migrate(
        self,
        connection: Connection,
        watch: StatementWatch,
        steps: Iterator[Script],
        config: "AlembicConfig | None" = None,
        scripts: ScriptDirectory | None = None,
    ) -> None:
        config, scripts = config or self._config, scripts or self._scripts
        revisions = scripts.revision_map

        def upgrades(_heads: Any, _context: MigrationContext) -> Iterator[Any]:
            for script in steps:
                yield MigrationStep.upgrade_from_script(revisions, script)

        executor = _ScratchExecutor(connection, watch)
        environment = EnvironmentContext(config, scripts, fn=upgrades)
        options: dict[str, Any] = {EXECUTOR: executor}
        with environment:
            environment.configure(
                connection=connection,
                transaction_per_migration=True,
                version_table=f"alembic_version_{source_of(config).name}",
                version_table_schema=SCHEMA,
                **options,
            )
            executor.context = environment.get_context()
            with environment.begin_transaction():
                environment.run_migrations()


def _only_asks(one: Traced) -> bool:
    """Whether it is a query, of the catalogue say, that nobody can notice."""
    verb = read_statement(one.statement.sql).verb
    return one.is_idle and verb in {"SELECT", "WITH", "SHOW", "VALUES"}


def _unwatched(steps: Sequence[Script]) -> Iterator[Script]:
    yield from steps


def _watched(steps: Sequence[Script], watch: StatementWatch) -> Iterator[Script]:
    for script in steps:
        file = str(script.module.__file__)
        watch.begin(script.revision, file, shown(Path(file)))
        yield script
        watch.end()


class _ScratchExecutor:
    """Runs the steps of safe operations where nobody waits for them."""

    context: MigrationContext

    def __init__(self, connection: Connection, watch: StatementWatch) -> None:
        self._connection = connection
        self._watch = watch

    def run(self, step: Step, *, directive: str) -> None:
        """Runs it, unless the catalogue says that it is done."""
        with self.context.autocommit_block():
            presence = self._ask(step)
            if presence is Presence.VALID:
                return
            if presence is Presence.INVALID and step.clean is not None:
                self._send(step.clean, directive)
            self._send(step, directive)

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        """Runs them to their end, each in a transaction.

        Raises:
            MigrationError: they have none.
        """
        with self.context.autocommit_block(), self._watch.of(None, directive):
            for _ in range(_MOST_BATCHES):
                with self._watch.one_transaction():
                    done = work()
                if done is None:
                    return
        raise MigrationError(
            f"{directive} goes on and on without rows",
            remedy="return None when there is nothing left",
        )

    def _ask(self, step: Step) -> Presence:
        if step.ask is None:
            return Presence.ABSENT
        with self._watch.unseen():
            return Presence(self._connection.exec_driver_sql(step.ask).scalar_one())

    def _send(self, step: Step, directive: str) -> None:
        with self._watch.of(step, directive):
            self._connection.exec_driver_sql(step.sql)
