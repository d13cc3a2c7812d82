"""Up, down and up again on a scratch database with rows, revision by revision."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.schema_state import read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations import operations as _directives  # noqa: F401 - op.safe_…
from app.backend.migrations.analysis.aside import aside
from app.backend.migrations.analysis.scratch import ScratchPlace, scratch_database
from app.backend.migrations.back.choosing import scripts_before, scripts_down
from app.backend.migrations.back.seeding import seed
from app.backend.migrations.back.snapshot import lost_rows, rows_of, schema_lines
from app.backend.migrations.operations.naming import quoted
from app.backend.migrations.recording import alembic_of_this_process
from app.backend.migrations.revisions import source_of
from app.backend.migrations.running.connecting import close, connect
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.failures import told
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from sqlalchemy.engine import Connection

__all__ = ["Rehearsed", "rehearse_way"]

Base = tuple["AlembicConfig", Sequence[str]]
"""A source, and what of it is there before."""

_CONNECT_TIMEOUT: Final = 10.0
_ENUM: Final = " holds "


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How one revision went up, down and up again.

    Attributes:
        missing: what was there before it, and is not after the downgrade.
        left: what the downgrade has left behind; an enum keeps its values.
        changed: in what the second upgrade differs from the first.
        rows: that were seeded before it.
        lost: rows that are not as they were, by table or column.
        error: what failed; empty: nothing.
    """

    revision: str
    missing: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rows: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it went well; values of an enum that stay are none of its faults."""
        enums = all(_ENUM in one for one in (*self.missing, *self.left))
        return enums and not (self.changed or self.lost or self.error)

    @property
    def words(self) -> str:
        """One line for people."""
        if self.error:
            return f"failed: {self.error}"
        faults = [
            *(f"not back: {one}" for one in self.missing),
            *(f"left behind: {one}" for one in self.left),
            *(f"otherwise the second time: {one}" for one in self.changed),
            *(f"{count} of {name} lost" for name, count in self.lost.items()),
        ]
        survived = f"up, down, up; {self.rows} rows"
        return "; ".join([survived, *faults])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "ok": self.ok}


async def rehearse_way(
    target: DatabaseTarget,
    to: str,
    *,
    config: "AlembicConfig",
    beneath: "Sequence[AlembicConfig]" = (),
    home: Path,
    place: ScratchPlace,
    tell: Tell,
) -> tuple[Rehearsed, ...]:
    """Rehearses what a way down would reverse, the oldest revision first.

    The first that fails is the last. The scratch database is dropped afterwards.

    Args:
        target: the database; it is only asked where its schema is.
        to: where to, as Alembic names it.
        config: of Alembic; says where the revisions are.
        beneath: sources whose revisions are all built first.
        home: the folder of local state.
        place: where the scratch database is made.
        tell: is told of each revision, in this loop.

    Raises:
        PreflightError: there is no such way.
        NoScratchDatabaseError: there is none to be had.
        MigrationError: what is applied before cannot be built on an empty database.
    """
    applied = await _applied(target, (*beneath, config))
    down = await asyncio.to_thread(scripts_down, applied[-1], to, config)
    names = [one.revision for one in down]
    base = [
        (each, await asyncio.to_thread(scripts_before, rows, names, each))
        for each, rows in zip((*beneath, config), applied, strict=True)
    ]
    loop = asyncio.get_running_loop()

    def passed_on(event: MigrationEvent) -> None:
        loop.call_soon_threadsafe(tell, event)

    async with scratch_database(target, home=home, place=place) as scratch:
        run = partial(_rehearse, scratch, base, names[::-1], passed_on)
        return await aside(run, alembic_of_this_process())


async def _applied(
    target: DatabaseTarget, configs: "Sequence[AlembicConfig]"
) -> list[tuple[str, ...]]:
    """The version rows of each source."""
    histories = [source_of(one).history for one in configs]
    connection = await connect(target)
    try:
        state = await read_schema_state(connection, histories)
    finally:
        await close(connection)
    return [one.applied for one in state.each]


async def _rehearse(
    scratch: DatabaseTarget,
    base: "Sequence[Base]",
    revisions: Sequence[str],
    tell: Tell,
) -> tuple[Rehearsed, ...]:
    arguments = scratch.connect_arguments("pm33-rehearsal")
    connect: Any = partial(asyncpg.connect, **arguments, timeout=_CONNECT_TIMEOUT)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_play, base, revisions, tell)
    finally:
        await engine.dispose()


def _play(
    connection: "Connection", base: "Sequence[Base]", names: Sequence[str], tell: Tell
) -> tuple[Rehearsed, ...]:
    """Builds what comes before, then rehearses one after the other."""
    stages = [_Stage(connection, config) for config, _ in base]
    for stage, (_, revisions) in zip(stages, base, strict=True):
        stage.build(revisions)
    done: list[Rehearsed] = []
    for name in names:
        tell(MigrationEvent(kind=Happening.REVISION, run="", revision=name))
        done.append(stages[-1].rehearse(name))
        if done[-1].error:
            break
    return tuple(done)


class _Stage:
    """A scratch database on which revisions go up and down."""

    def __init__(self, connection: "Connection", config: "AlembicConfig") -> None:
        self._connection = connection
        self._config = config
        self._history = source_of(config).history
        self._scripts = ScriptDirectory.from_config(config)

    def build(self, base: Sequence[str]) -> None:
        """Applies what comes before; the table of version rows is there afterwards."""
        schema = quoted(self._history.schema)
        self._connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self._connection.commit()
        try:
            self._migrate([self._step(one, up=True) for one in base])
        except Exception as error:  # a revision raises what it likes
            raise MigrationError(
                "what comes before cannot be built on an empty database:"
                f" {told(error)}",
                remedy="mend the revision that depends on what no revision makes",
            ) from error

    def rehearse(self, name: str) -> Rehearsed:
        """Takes one up, down and up."""
        seeded = self._seed()
        before, rows = schema_lines(self._connection), rows_of(self._connection)
        try:
            self._migrate([self._step(name, up=True)])
            first = schema_lines(self._connection)
            self._seed()
            self._migrate([self._step(name, up=False)])
            back = schema_lines(self._connection)
            lost = lost_rows(self._connection, rows)
            self._migrate([self._step(name, up=True)])
            again = schema_lines(self._connection)
        except Exception as error:  # noqa: BLE001 - as above
            self._connection.rollback()
            return Rehearsed(revision=name, rows=seeded, error=told(error))
        self._connection.commit()
        return Rehearsed(
            revision=name,
            missing=tuple(sorted(before - back)),
            left=tuple(sorted(back - before)),
            changed=tuple(sorted(first ^ again)),
            rows=seeded,
            lost=lost,
        )

    def _seed(self) -> int:
        count = sum(seed(self._connection).values())
        self._connection.commit()
        return count

    def _step(self, name: str, *, up: bool) -> Any:
        script = self._scripts.get_revision(name)
        make = (
            MigrationStep.upgrade_from_script
            if up
            else MigrationStep.downgrade_from_script
        )
        return make(self._scripts.revision_map, script)

    def _migrate(self, steps: Sequence[Any]) -> None:
        def given(_heads: Any, _context: Any) -> Iterator[Any]:
            yield from steps

        # Otherwise Alembic would take the transaction of a query for its caller's.
        self._connection.commit()
        environment = EnvironmentContext(self._config, self._scripts, fn=given)
        with environment:
            environment.configure(
                connection=self._connection,
                transaction_per_migration=True,
                version_table=self._history.table,
                version_table_schema=self._history.schema,
            )
            with environment.begin_transaction():
                environment.run_migrations()
        self._connection.commit()
