"""How the schema stands and what runs did, as the manager tells it."""

from collections.abc import Sequence

from app.backend.database.schema_state import SchemaState, read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.asking import asked
from app.backend.migrations.running.records import RunRecord, read_runs
from app.backend.migrations.sources import Source, given_sources
from app.backend.migrations.standing import (
    Fault,
    MigrationStatus,
    faults_of,
    read_status,
)

__all__ = ["history", "schema_state", "status", "verify"]


async def schema_state(
    target: DatabaseTarget, sources: Sequence[Source] | None = None
) -> SchemaState:
    """Where the schema stands, seen from this release.

    Args:
        target: the database.
        sources: of revisions; None: those that are configured.

    Raises:
        ConfigError: the application's revisions cannot be read.
        MigrationError: the database cannot be asked.
    """
    histories = [one.history for one in given_sources(sources)]
    async with asked(target) as connection:
        return await read_schema_state(connection, histories)


async def status(
    target: DatabaseTarget, sources: Sequence[Source] | None = None
) -> MigrationStatus:
    """How the schema stands, what runs, and what was left behind.

    Raises:
        ConfigError, MigrationError: as :func:`schema_state`.
    """
    histories = [one.history for one in given_sources(sources)]
    async with asked(target) as connection:
        return await read_status(connection, histories)


async def verify(target: DatabaseTarget) -> tuple[Fault, ...]:
    """What is wrong with the schema; nothing is, where it is current or ahead, whole.

    Raises:
        MigrationError: the database cannot be asked.
    """
    return faults_of(await status(target))


async def history(
    target: DatabaseTarget, *, limit: int = 20, run: str | None = None
) -> tuple[RunRecord, ...]:
    """What runs did, the newest first.

    Args:
        target: the database.
        limit: how many at most.
        run: this one only, with its statements and its tries.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with asked(target) as connection:
        return await read_runs(connection, limit=limit, run=run)
