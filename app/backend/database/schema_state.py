"""Where the schema stands, told from its version rows; no Alembic needed to serve.

``schema_heads.py`` is generated from the revisions (``pm33 migrate heads --write``);
a test keeps it true.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from app.backend.database.revision_history import OURS, RevisionHistory

if TYPE_CHECKING:
    import asyncpg

__all__ = ["SchemaPosition", "SchemaState", "judge_schema", "read_schema_state"]

_ROWS: Final = "select version_num from {schema}.{table}"
_FLOORS: Final = "select requires from ops.schema_floor"


class SchemaPosition(StrEnum):
    """The schema seen from this release."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"
    INCOMPATIBLE = "incompatible"


_WORST: Final = (
    SchemaPosition.INCOMPATIBLE,
    SchemaPosition.BEHIND,
    SchemaPosition.AHEAD,
    SchemaPosition.CURRENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """What the rows say.

    Attributes:
        position: of the schema, seen from this release.
        applied: the revisions in the version table.
        needed: the revision that this release cannot do without; empty: none.
        source: whose revisions these are.
        beside: the same for other sources.
        demanded: what contract revisions demand, and this release does not know.
    """

    position: SchemaPosition
    applied: tuple[str, ...]
    needed: str
    source: str = OURS.source
    beside: tuple["SchemaState", ...] = ()
    demanded: tuple[str, ...] = ()

    @property
    def overall(self) -> SchemaPosition:
        """The worst of all sources."""
        return min((one.position for one in self.each), key=_WORST.index)

    @property
    def each(self) -> tuple["SchemaState", ...]:
        """This one and those beside it."""
        return (self, *self.beside)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: ours, and each other source under its name."""
        ours, *others = [
            {
                "position": one.position.value,
                "needed": one.needed,
                "applied": list(one.applied),
            }
            for one in self.each
        ]
        names = (one.source for one in self.beside)
        return ours | dict(zip(names, others, strict=True))

    def of(self, source: str) -> "SchemaState":
        """The state of one source.

        Raises:
            KeyError: it is not among them.
        """
        return {one.source: one for one in self.each}[source]


def judge_schema(
    applied: Collection[str],
    floors: Collection[str],
    *,
    history: RevisionHistory = OURS,
) -> SchemaState:
    """Compares the version rows with what this release knows. Pure.

    A row that this release does not know was written by a newer one: the schema is
    ahead, which an expanded schema may be. Only a contract revision can take something
    away; it leaves the revision that a release must know in ``ops.schema_floor``.

    Args:
        applied: the rows of the version table.
        floors: the revisions that applied contract revisions demand knowledge of.
        history: what this release carries.
    """
    carried = {*history.known, *history.beside}
    demanded = tuple(sorted({floor for floor in floors if floor not in carried}))
    if demanded:
        position = SchemaPosition.INCOMPATIBLE
    elif any(revision in history.arrived for revision in applied):
        position = SchemaPosition.CURRENT
    elif any(revision not in history.known for revision in applied):
        position = SchemaPosition.AHEAD
    elif not history.needed:
        position = SchemaPosition.CURRENT
    else:
        position = SchemaPosition.BEHIND
    return SchemaState(
        position=position,
        applied=tuple(sorted(applied)),
        needed=history.needed,
        source=history.source,
        demanded=demanded,
    )


async def read_schema_state(
    connection: "asyncpg.Connection[asyncpg.Record]",
    histories: Sequence[RevisionHistory] = (OURS,),
) -> SchemaState:
    """Reads the rows; a database without them is behind.

    Args:
        connection: to the database.
        histories: of each source, ours first.
    """
    floors: tuple[str, ...] = ()
    if await connection.fetchval("select to_regclass('ops.schema_floor')"):
        floors = tuple(row[0] for row in await connection.fetch(_FLOORS))
    first, *others = [
        judge_schema(await _rows(connection, one), floors, history=one)
        for one in histories
    ]
    return replace(first, beside=tuple(others))


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", history: RevisionHistory
) -> list[str]:
    schema, table = _quoted(history.schema), _quoted(history.table)
    if not await connection.fetchval("select to_regclass($1)", f"{schema}.{table}"):
        return []
    query = _ROWS.format(schema=schema, table=table)
    return [row[0] for row in await connection.fetch(query)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
