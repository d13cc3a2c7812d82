"""Brings back what a downgrade has kept, without overwriting what is there by now."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from app.backend.database.target import DatabaseTarget
from app.backend.migrations.back.at_risk import ask_schema
from app.backend.migrations.back.keeping import KEPT
from app.backend.migrations.back.restoring import Kept, Restored, restore_one
from app.backend.migrations.running.connecting import close, connect
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.failures import told
from app.backend.migrations.running.turn import ADVISORY_LOCK
from app.errors import MigrationError, PreflightError

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["RestoreReport", "Restored", "restore_kept"]

_THERE: Final = f"SELECT to_regclass('{KEPT}.manifest') IS NOT NULL"
_NEWEST: Final = f"""
    SELECT run FROM {KEPT}.manifest WHERE restored_at IS NULL ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - a constant
# The last that was kept comes back first: a table before the rows that refer to it.
_ENTRIES: Final = f"""
    SELECT id, revision, kept, what, table_name AS table, columns, key, rows
    FROM {KEPT}.manifest WHERE run = $1 AND restored_at IS NULL ORDER BY id DESC
"""  # noqa: S608 - a constant
_DONE: Final = f"""
    UPDATE {KEPT}.manifest SET restored_at = clock_timestamp() WHERE id = $1
"""  # noqa: S608 - a constant
_LIMITS: Final = "SET lock_timeout = '2s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What came back.

    Attributes:
        run: whose copies these were; None: there was nothing to bring back.
    """

    run: str | None
    entries: tuple[Restored, ...]

    @property
    def is_complete(self) -> bool:
        """Whether everything is back where it was."""
        return all(one.is_complete for one in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "run": self.run,
            "complete": self.is_complete,
            "entries": [asdict(one) for one in self.entries],
        }


async def restore_kept(
    target: DatabaseTarget,
    run: str | None = None,
    *,
    tell: Tell,
    statement_timeout: float = 600.0,
) -> RestoreReport:
    """Brings back what one run has kept; each copy in a transaction of its own.

    A value comes back where there is none, or the column's default; a row where none
    has its key. What is there otherwise stays, and is counted as a conflict. It can be
    repeated; the copies are left where they are.

    Args:
        target: the database, in which the revisions are applied again.
        run: the downgrade's id; None: the newest one with something left.
        tell: is told which copy is at hand.
        statement_timeout: seconds for one copy.

    Raises:
        PreflightError: there is no such run, or a migration is under way.
        MigrationError: the database cannot be asked.
    """
    connection = await connect(target)
    try:
        return await _restore(connection, run, tell, statement_timeout)
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"what was kept cannot be brought back: {told(error)}",
            remedy=f"see what the role may do, and what schema {KEPT} holds",
        ) from error
    finally:
        await close(connection)


async def _restore(
    connection: "Connection",
    run: str | None,
    tell: Tell,
    statement_timeout: float,
) -> RestoreReport:
    there = await connection.fetchval(_THERE)
    wanted = run or (await connection.fetchval(_NEWEST) if there else None)
    rows = await connection.fetch(_ENTRIES, wanted) if there and wanted else []
    if run is not None and not rows:
        raise PreflightError(
            f"run {run} has kept nothing that is not back already",
            remedy=f"{KEPT}.manifest says what was kept, and when it came back",
        )
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
        raise PreflightError(
            "a migration is under way",
            remedy="`pm33 migrate status` shows which; try again when it has ended",
        )
    await connection.execute(_LIMITS)
    await connection.execute(
        f"SET statement_timeout = '{statement_timeout * 1000:.0f}ms'"
    )
    schema = await ask_schema(connection)
    found = []
    for row in rows:
        kept = Kept(**dict(row))
        words = f"{kept.table}: {kept.rows} rows of {kept.copy}"
        tell(MigrationEvent(kind=Happening.RESTORING, run=wanted or "", message=words))
        async with connection.transaction():
            one = await restore_one(connection, kept, schema)
            if one.is_complete:
                await connection.execute(_DONE, kept.id)
        found.append(one)
    return RestoreReport(run=wanted, entries=tuple(found))
