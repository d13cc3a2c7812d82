"""What the text of a statement says of its locks, its work and its changes. Pure.

It is asked where nobody has run the statement: PostgreSQL's documentation of each
command, and the locks that were read from ``pg_locks`` on PostgreSQL 15. A trace knows
better, since it sees dynamic SQL and proven constraints, too.
"""

from collections.abc import Callable, Mapping
from typing import Final

from app.backend.migrations.changes import ChangeKind, Work
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.sql.tokens import Kind, LexicalError, Token, tokens_of
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.objects import (
    alter_type,
    create_index,
    drop_index,
    on_one,
    on_tables,
)
from app.backend.migrations.texts.reading import Reading, nothing, other, unknown
from app.backend.migrations.texts.tables import (
    TableReading,
    read_alter_table,
    read_create_table,
)
from app.backend.migrations.texts.verbs import (
    analyze,
    cluster,
    comment,
    lock_table,
    query,
    refresh,
    reindex,
    rows,
    vacuum,
)

__all__ = ["Reading", "plain_name", "read_statement"]


def read_statement(sql: str) -> Reading:
    """Reads one statement; what is not understood is ``unknown``."""
    try:
        cursor = Cursor(_words(sql))
    except LexicalError:
        return unknown("", Cursor(()))
    token = cursor.skip()
    verb = token.key if token else ""
    if verb not in {"CREATE", "ALTER", "DROP"}:
        return _VERBS.get(verb, unknown)(verb, cursor)
    cursor.take("OR", "REPLACE")
    cursor.take("UNIQUE")
    kind = cursor.skip()
    read = _OBJECTS.get(f"{verb} {kind.key if kind else ''}", other)
    return read(verb, cursor)


def plain_name(name: str) -> str:
    """A table's name as findings and plans write it; see :class:`Change`."""
    try:
        return Cursor(_words(name)).name()
    except LexicalError:
        return name


def _words(sql: str) -> list[Token]:
    return [token for token in tokens_of(sql) if token.kind is not Kind.COMMENT]


def _of_table(
    read: Callable[[Cursor], TableReading],
) -> Callable[[str, Cursor], Reading]:
    def reading(verb: str, cursor: Cursor) -> Reading:
        told = read(cursor)
        return Reading(
            verb=verb,
            locks=told.locks,
            work=max(told.works, key=lambda one: one.rank, default=Work.NONE),
            changes=told.changes,
            concurrently=told.concurrently,
        )

    return reading


_OBJECTS: Final[Mapping[str, Callable[[str, Cursor], Reading]]] = {
    "CREATE TABLE": _of_table(read_create_table),
    "CREATE UNLOGGED": _of_table(read_create_table),
    "ALTER TABLE": _of_table(read_alter_table),
    "DROP TABLE": on_tables(ChangeKind.TABLE_DROPPED),
    "CREATE INDEX": create_index,
    "DROP INDEX": drop_index,
    "ALTER TYPE": alter_type,
    "CREATE TRIGGER": on_one(Lock.SHARE_ROW_EXCLUSIVE),
    "DROP TRIGGER": on_one(Lock.ACCESS_EXCLUSIVE),
    "CREATE POLICY": on_one(Lock.ACCESS_EXCLUSIVE),
    "ALTER POLICY": on_one(Lock.ACCESS_EXCLUSIVE),
    "DROP POLICY": on_one(Lock.ACCESS_EXCLUSIVE),
}
_VERBS: Final[Mapping[str, Callable[[str, Cursor], Reading]]] = {
    "TRUNCATE": on_tables(ChangeKind.TABLE_EMPTIED),
    "INSERT": rows(ChangeKind.ROWS_INSERTED, "INTO"),
    "COPY": rows(ChangeKind.ROWS_INSERTED),
    "UPDATE": rows(ChangeKind.ROWS_CHANGED, "ONLY"),
    "MERGE": rows(ChangeKind.ROWS_CHANGED, "INTO", "ONLY"),
    "DELETE": rows(ChangeKind.ROWS_DELETED, "FROM", "ONLY"),
    "VACUUM": vacuum,
    "ANALYZE": analyze,
    "CLUSTER": cluster,
    "REINDEX": reindex,
    "REFRESH": refresh,
    "LOCK": lock_table,
    "COMMENT": comment,
    "SELECT": query,
    "WITH": query,
    "GRANT": other,
    "REVOKE": other,
} | dict.fromkeys(
    (
        *("SET", "RESET", "SHOW", "BEGIN", "START", "COMMIT", "ROLLBACK"),
        *("SAVEPOINT", "RELEASE"),
    ),
    nothing,
)
