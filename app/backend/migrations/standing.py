"""How the schema stands: where it is, what runs, and what was left behind."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from app.backend.database.revision_history import OURS, RevisionHistory
from app.backend.database.schema_state import (
    SchemaPosition,
    SchemaState,
    read_schema_state,
)
from app.backend.migrations.back.whose import command_down
from app.backend.migrations.running.records import (
    RunRecord,
    read_half_applied,
    read_runs,
)
from app.backend.migrations.running.turn import LEASE
from app.backend.migrations.running.way import DOWN

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Fault", "FaultKind", "MigrationStatus", "faults_of", "read_status"]

_HOLDER: Final = """
    select holder from ops.lease
    where name = $1 and expires_at > clock_timestamp()
      and exists (select from pg_stat_activity
                  where application_name = split_part(holder, ' ', 1))
"""
_INVALID: Final = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid and n.nspname !~ '^pg_'
      and c.relkind = 'i'
      and not exists (select from pg_stat_progress_create_index p
                      where p.index_relid = i.indexrelid)
    order by 1
"""
_UNPROVEN: Final = """
    select format('%s on %s', quote_ident(c.conname), c.conrelid::regclass)
    from pg_constraint c join pg_namespace n on n.oid = c.connamespace
    where not c.convalidated and n.nspname !~ '^pg_' and c.conrelid <> 0
    order by 1
"""
_LEFT: Final = re.compile(r'_cc(new|old)\d*"?$')


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """How the schema stands.

    Attributes:
        state: where it is, seen from this release.
        runner: who migrates just now; None: nobody who has shown a sign of life, and
            is connected.
        half_applied: revisions of which only so many statements are committed.
        invalid_indexes: indexes that no query uses, and every write maintains.
        unproven: constraints that hold for new rows only.
        last: the newest run; None: none is known.
    """

    state: SchemaState
    runner: str | None
    half_applied: dict[str, int]
    invalid_indexes: tuple[str, ...]
    unproven: tuple[str, ...]
    last: RunRecord | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "position": self.state.overall.value,
            "needed": self.state.needed,
            "applied": list(self.state.applied),
            "sources": [
                {
                    "name": one.source,
                    "position": one.position.value,
                    "needed": one.needed,
                    "applied": list(one.applied),
                }
                for one in self.state.each
            ],
            "runner": self.runner,
            "half_applied": self.half_applied,
            "invalid_indexes": list(self.invalid_indexes),
            "unproven": list(self.unproven),
            "last": self.last.to_dict() if self.last else None,
        }


class FaultKind(StrEnum):
    """What may be wrong with a schema."""

    BEHIND = "behind"
    INCOMPATIBLE = "incompatible"
    HALF_APPLIED = "half-applied"
    INVALID_INDEX = "invalid-index"
    UNPROVEN = "unproven-constraint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and what to do about it.

    Attributes:
        is_note: it may be meant so.
    """

    kind: FaultKind
    message: str
    remedy: str
    is_note: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


async def read_status(
    connection: "asyncpg.Connection[asyncpg.Record]",
    histories: Sequence[RevisionHistory] = (OURS,),
) -> MigrationStatus:
    """Asks a database; it reads the catalogue, schema ``ops`` and version rows only.

    Args:
        connection: to the database.
        histories: of each source, ours first.
    """
    runs = await read_runs(connection, limit=1)
    runner = None
    if await connection.fetchval("select to_regclass('ops.lease') is not null"):
        runner = await connection.fetchval(_HOLDER, LEASE)
    return MigrationStatus(
        state=await read_schema_state(connection, histories),
        runner=runner,
        half_applied=await read_half_applied(connection),
        invalid_indexes=tuple(row[0] for row in await connection.fetch(_INVALID)),
        unproven=tuple(row[0] for row in await connection.fetch(_UNPROVEN)),
        last=runs[0] if runs else None,
    )


def _way_on(revision: str, last: RunRecord | None) -> str:
    """What goes on with it; where a way down was to lead, its run knows."""
    if not revision.endswith(DOWN):
        return "`pm33 migrate up`"
    if last is None or last.kind != "downgrade":
        return "`pm33 migrate down --to REVISION`"
    return command_down(last.goal, last.source)


def _without(index: str) -> str:
    """What REINDEX CONCURRENTLY has left has a name of its own, and no revision.

    https://www.postgresql.org/docs/current/sql-reindex.html (rebuilding concurrently)
    """
    drop = f"DROP INDEX CONCURRENTLY {index}"
    left = _LEFT.search(index)
    if left is None:
        return f"run its revision again, or {drop}"
    if left[1] == "old":
        return f"{drop}: what REINDEX has put into its place is whole"
    return f"{drop}, then the REINDEX that has left it again"


def faults_of(status: MigrationStatus) -> tuple[Fault, ...]:
    """What is wrong. Pure; a schema that is ahead is not wrong."""
    faults = []
    state = status.state
    faults += [
        Fault(
            kind=FaultKind.BEHIND,
            message=f"the schema is behind {one.needed}",
            remedy="`pm33 migrate up`",
        )
        for one in state.each
        if one.position is SchemaPosition.BEHIND
    ]
    if state.overall is SchemaPosition.INCOMPATIBLE:
        faults.append(
            Fault(
                kind=FaultKind.INCOMPATIBLE,
                message="a contract revision has removed what this release uses",
                remedy=f"deploy a release that knows {', '.join(state.demanded)}",
            )
        )
    faults += [
        Fault(
            kind=FaultKind.HALF_APPLIED,
            message=f"{revision} is half applied: {count} of its statements are done",
            remedy=f"{_way_on(revision, status.last)} goes on where it ended",
        )
        for revision, count in status.half_applied.items()
        if status.runner is None  # else it is being applied
    ]
    faults += [
        Fault(
            kind=FaultKind.INVALID_INDEX,
            message=f"index {name} is not valid: writes keep it, no query uses it",
            remedy=_without(name),
        )
        for name in status.invalid_indexes
    ]
    faults += [
        Fault(
            kind=FaultKind.UNPROVEN,
            message=f"constraint {name} is not proven for the rows before it",
            remedy="ALTER TABLE … VALIDATE CONSTRAINT, which blocks nobody",
            is_note=True,
        )
        for name in status.unproven
    ]
    return tuple(faults)
