"""Statements about rows, and those that look after tables. Pure."""

from collections.abc import Callable

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.reading import Reading, names, other, unknown

__all__ = [
    "analyze",
    "cluster",
    "comment",
    "lock_table",
    "query",
    "refresh",
    "reindex",
    "rows",
    "vacuum",
]


def rows(kind: ChangeKind, *lead: str) -> Callable[[str, Cursor], Reading]:
    """What happens to rows; ``lead`` may stand before the table."""

    def reading(verb: str, cursor: Cursor) -> Reading:
        for word in lead:
            cursor.take(word)
        table = cursor.name()
        columns = _set_columns(cursor) if kind is ChangeKind.ROWS_CHANGED else []
        return Reading(
            verb=verb,
            locks=((table, Lock.ROW_EXCLUSIVE),),
            work=Work.ROWS,
            changes=tuple(
                Change(kind=kind, table=table, name=one) for one in columns or [""]
            ),
        )

    return reading


def _set_columns(cursor: Cursor) -> list[str]:
    """The columns of ``SET a = 1, b = 2``; none when it is written otherwise."""
    cursor.until("SET")
    found: list[str] = []
    more = cursor.take("SET")
    while more:
        name = cursor.name()
        if not name or not cursor.take("="):
            return []
        found.append(name)
        cursor.until(",", "WHERE", "FROM", "RETURNING")
        more = cursor.take(",")
    return found


def query(verb: str, cursor: Cursor) -> Reading:
    """It changes nothing, unless a part of it does."""
    writes = {"INSERT", "UPDATE", "DELETE", "INTO"}
    if any(token.key in writes for token in cursor.rest):
        return unknown(verb, cursor)
    return Reading(verb=verb)


def vacuum(verb: str, cursor: Cursor) -> Reading:
    """FULL writes the table again."""
    full = any(token.key == "FULL" for token in cursor.rest)
    lock = Lock.ACCESS_EXCLUSIVE if full else Lock.SHARE_UPDATE_EXCLUSIVE
    cursor.inside()
    while cursor.take_one_of("FULL", "FREEZE", "VERBOSE", "ANALYZE"):
        pass
    return Reading(
        verb=verb,
        locks=tuple((name, lock) for name in names(cursor)),
        work=Work.REWRITE if full else Work.SCAN,
    )


def cluster(verb: str, cursor: Cursor) -> Reading:
    """Writes the table again, in the order of an index."""
    cursor.inside()
    cursor.take("VERBOSE")
    locks = tuple((name, Lock.ACCESS_EXCLUSIVE) for name in names(cursor))
    return Reading(verb=verb, locks=locks, work=Work.REWRITE)


def reindex(verb: str, cursor: Cursor) -> Reading:
    """Builds anew what is there."""
    cursor.inside()
    cursor.skip()
    concurrently = cursor.take("CONCURRENTLY")
    # On the indexes; whoever reads the table has to open them.
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else Lock.ACCESS_EXCLUSIVE
    return Reading(
        verb=verb,
        locks=tuple((name, lock) for name in names(cursor)),
        work=Work.BUILD,
        concurrently=concurrently,
    )


def refresh(verb: str, cursor: Cursor) -> Reading:
    """Computes a materialised view again."""
    cursor.take("MATERIALIZED", "VIEW")
    concurrently = cursor.take("CONCURRENTLY")
    lock = Lock.EXCLUSIVE if concurrently else Lock.ACCESS_EXCLUSIVE
    work = Work.BUILD if concurrently else Work.REWRITE
    return Reading(verb=verb, locks=((cursor.name(), lock),), work=work)


def lock_table(verb: str, cursor: Cursor) -> Reading:
    """Takes what it says, by default the strongest."""
    cursor.take("TABLE")
    tables = names(cursor)
    asked = ""
    if cursor.take("IN"):
        asked = " ".join(token.key for token in cursor.until("MODE"))
    mode = Lock(asked) if asked in set(Lock) else Lock.ACCESS_EXCLUSIVE
    return Reading(verb=verb, locks=tuple((name, mode) for name in tables))


def comment(verb: str, cursor: Cursor) -> Reading:
    """Keeps vacuum and other changes away, nobody else."""
    cursor.take("ON")
    kind = cursor.take_one_of("TABLE", "COLUMN")
    name = cursor.name() if kind else ""
    table = name.rpartition(".")[0] if kind == "COLUMN" else name
    locks = ((table, Lock.SHARE_UPDATE_EXCLUSIVE),) if table else ()
    return Reading(verb=verb, locks=locks, changes=other(verb, cursor).changes)


def analyze(verb: str, cursor: Cursor) -> Reading:
    """Reads a sample."""
    cursor.inside()
    cursor.take("VERBOSE")
    tables = names(cursor)
    locks = tuple((one, Lock.SHARE_UPDATE_EXCLUSIVE) for one in tables)
    return Reading(verb=verb, locks=locks, work=Work.SCAN)
