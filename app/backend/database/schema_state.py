"""Where the schema stands, told from its version rows; no Alembic needed to serve.

``schema_heads.py`` is generated from the revisions (``pm33 migrate heads --write``);
a test keeps it true.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS

if TYPE_CHECKING:
    import asyncpg

__all__ = ["SchemaPosition", "SchemaState", "judge_schema", "read_schema_state"]


class SchemaPosition(StrEnum):
    """The schema seen from this release."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """What the rows say.

    Attributes:
        position: of the schema, seen from this release.
        applied: the revisions in the version table.
        needed: the revision that this release cannot do without.
    """

    position: SchemaPosition
    applied: tuple[str, ...]
    needed: str


def judge_schema(
    applied: Collection[str],
    floors: Collection[str],
    *,
    needed: str = EXPAND_HEAD,
    known: Collection[str] = REVISIONS,
) -> SchemaState:
    """Compares the version rows with what this release knows. Pure.

    A row that this release does not know was written by a newer one: the schema is
    ahead, which an expanded schema may be. Only a contract revision can take something
    away; it leaves the revision that a release must know in ``ops.schema_floor``.

    Args:
        applied: the rows of the version table.
        floors: the revisions that applied contract revisions demand knowledge of.
        needed: the head of this release's expand branch.
        known: every revision that this release carries.
    """
    if any(floor not in known for floor in floors):
        position = SchemaPosition.INCOMPATIBLE
    elif needed in applied:
        position = SchemaPosition.CURRENT
    elif any(revision not in known for revision in applied):
        position = SchemaPosition.AHEAD
    else:
        position = SchemaPosition.BEHIND
    return SchemaState(position=position, applied=tuple(sorted(applied)), needed=needed)


async def read_schema_state(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> SchemaState:
    """Reads the rows; a database without them is behind."""
    if not await connection.fetchval("select to_regclass('ops.alembic_version')"):
        return judge_schema((), ())
    rows = await connection.fetch("select version_num from ops.alembic_version")
    floors = []
    if await connection.fetchval("select to_regclass('ops.schema_floor')"):
        floors = await connection.fetch("select requires from ops.schema_floor")
    return judge_schema([row[0] for row in rows], [row[0] for row in floors])
