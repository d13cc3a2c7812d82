"""Reads what is neither a change of the schema nor of rows."""

from typing import Final

from app.backend.migrations.analysis.reading.notes import Notes, Work
from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.statements import Lock

__all__ = [
    "cluster",
    "lock",
    "read_dynamic",
    "reassign",
    "refresh",
    "reindex",
    "select",
    "set_parameter",
    "vacuum",
    "weakly",
]

_FULL = Lock.ACCESS_EXCLUSIVE
_UTC: Final = frozenset({"utc", "gmt", "etc/utc", "0"})


def lock(cursor: Cursor, notes: Notes) -> None:
    """``LOCK TABLE … IN … MODE``; a lock that lets writers go on is nobody's matter."""
    cursor.take("TABLE")
    names = [Cursor(item) for item in items_of(cursor.until("IN", "NOWAIT"))]
    mode = _FULL
    if cursor.take("IN"):
        asked = " ".join(token.key for token in cursor.until("MODE"))
        mode = next((one for one in Lock if one == asked), _FULL)
    for name in names:
        name.take("ONLY")
        table = name.name()
        notes.hold(table, mode)
        if mode.blocks_writes:
            notes.blame("lock-table", table, mode)


def vacuum(cursor: Cursor, notes: Notes) -> None:
    """``VACUUM``, whose FULL is another thing altogether."""
    notes.outside = True
    options = cursor.inside() if cursor.key == "(" else ()
    full = any(token.key == "FULL" for token in options) or cursor.take("FULL")
    while cursor.take_one_of("FREEZE", "VERBOSE", "ANALYZE"):
        pass
    if full:
        notes.blame("rewrite-table", cursor.name() or "each table", _FULL)


def cluster(cursor: Cursor, notes: Notes) -> None:
    """``CLUSTER``."""
    cursor.inside()
    cursor.take("VERBOSE")
    notes.blame("rewrite-table", cursor.name() or "each clustered table", _FULL)


def reindex(cursor: Cursor, notes: Notes) -> None:
    """``REINDEX``."""
    options = cursor.inside() if cursor.key == "(" else ()
    kind = cursor.take_one_of("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM")
    concurrently = cursor.take("CONCURRENTLY")
    concurrently |= any(token.key == "CONCURRENTLY" for token in options)
    name = cursor.name()
    notes.outside = concurrently or kind not in ("INDEX", "TABLE")
    if concurrently:
        return
    table = name if kind != "INDEX" else notes.known.table_of(name)
    notes.blame("reindex", table or f"the table of {name}", Lock.SHARE)


def refresh(cursor: Cursor, notes: Notes) -> None:
    """``REFRESH MATERIALIZED VIEW``."""
    cursor.take("MATERIALIZED", "VIEW")
    concurrently = cursor.take("CONCURRENTLY")
    view = cursor.name()
    notes.work = Work.READS
    if concurrently:
        notes.hold(view, Lock.EXCLUSIVE)
    else:
        notes.blame("refresh-materialized-view", view, _FULL)


def reassign(_: Cursor, notes: Notes) -> None:
    """``REASSIGN OWNED``."""
    notes.blame("brief-exclusive-lock", "each table of that owner", _FULL)


def read_dynamic(_: Cursor, notes: Notes) -> None:
    """``DO``, ``CALL``, ``EXECUTE``."""
    notes.blame("dynamic-sql", "")


def select(cursor: Cursor, notes: Notes) -> None:
    """A query; into a table it makes one."""
    if cursor.has("FROM"):
        notes.work = Work.READS
    cursor.until("INTO", "FROM")
    if cursor.take("INTO"):
        while cursor.take_one_of("TEMP", "TEMPORARY", "UNLOGGED", "TABLE"):
            pass
        notes.known.new.add(cursor.name())


def set_parameter(cursor: Cursor, notes: Notes) -> None:
    """``SET``; of all parameters the time zone matters to what follows."""
    cursor.take_one_of("LOCAL", "SESSION")
    zone = cursor.take("TIME", "ZONE") or cursor.take("TIMEZONE")
    cursor.take_one_of("TO", "=")
    value = cursor.skip()
    if zone:
        notes.known.utc = value is not None and name_of(value).lower() in _UTC


def weakly(_: Cursor, __: Notes) -> None:
    """Whatever lets readers and writers go on, or is nobody's matter."""
