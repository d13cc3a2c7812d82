"""What a statement of a downgrade does to rows, told from its text. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.backend.migrations.back.undoing_tables import (
    Undo,
    UndoKind,
    column_names,
    read_alter_table,
    text_between,
)
from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.sql.tokens import Kind, LexicalError, Token, tokens_of
from app.backend.migrations.statements import Statement

__all__ = ["Undo", "UndoKind", "read_undo"]

# What operations/backfill.py says without a database: an UPDATE in a loop.
_BATCHES: Final = "DO $pm33$"
_END_OF_BATCH: Final = " AND ctid = ANY"

# Whatever else these begin, rows stay as they are.
_HARMLESS: Final = frozenset(
    {
        *("ANALYZE", "CLUSTER", "COMMENT", "GRANT", "LOCK", "REFRESH", "REINDEX"),
        *("REASSIGN", "RESET", "REVOKE", "SECURITY", "SET", "SHOW", "VACUUM"),
        *("RELEASE", "SAVEPOINT", "INSERT", "COPY"),
    }
)
_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"})


def read_undo(statement: Statement) -> tuple[Undo, ...]:
    """What it does, one after the other; empty: nothing that concerns rows."""
    sql = statement.sql
    if sql.startswith(_BATCHES):
        start, end = sql.find("UPDATE "), sql.find(_END_OF_BATCH)
        sql = sql[start:end] if 0 <= start < end else sql
    try:
        tokens = [one for one in tokens_of(sql) if one.kind is not Kind.COMMENT]
    except LexicalError:
        return (Undo(kind=UndoKind.UNKNOWN),)
    return tuple(_read(sql, tokens)) if tokens else ()


def _read(sql: str, tokens: Sequence[Token]) -> Iterator[Undo]:
    cursor = Cursor(tokens)
    verb = cursor.key
    cursor.skip()
    match verb:
        case "INSERT" if cursor.take("INTO"):
            yield Undo(kind=UndoKind.ROWS_ADDED, table=cursor.name())
        case "ALTER":
            yield from _alter(sql, cursor)
        case "CREATE":
            yield from _create(sql, cursor)
        case "DROP":
            yield from _drop(cursor)
        case "TRUNCATE":
            yield from _truncate(cursor)
        case "DELETE":
            yield _delete(sql, cursor)
        case "UPDATE":
            yield _update(sql, cursor)
        case _ if not _is_harmless(verb, cursor):
            yield Undo(kind=UndoKind.UNKNOWN)
        case _:
            return


def _is_harmless(verb: str, cursor: Cursor) -> bool:
    if verb in {"SELECT", "WITH", "VALUES", "TABLE"}:
        return not any(one.key in _WRITES for one in cursor.rest)
    return verb in _HARMLESS


def _alter(sql: str, cursor: Cursor) -> Iterator[Undo]:
    cursor.take("FOREIGN")
    if cursor.take("TABLE"):
        yield from read_alter_table(sql, cursor)
    elif cursor.take("TYPE"):
        name = cursor.name()
        if cursor.take("RENAME", "TO"):
            schema = f"{name.rpartition('.')[0]}." if "." in name else ""
            new = f"{schema}{cursor.name()}"
            yield Undo(kind=UndoKind.ENUM_RENAMED, table=name, other=new)
        elif cursor.key == "DROP" or (cursor.key == "ALTER" and cursor.has("TYPE")):
            yield Undo(kind=UndoKind.UNKNOWN)  # an attribute of a composite type


def _create(sql: str, cursor: Cursor) -> Iterator[Undo]:
    cursor.take("OR", "REPLACE")
    for word in ("TEMP", "TEMPORARY", "UNLOGGED"):
        cursor.take(word)
    if cursor.take("TABLE"):
        cursor.take("IF", "NOT", "EXISTS")
        yield Undo(kind=UndoKind.TABLE_MADE, table=cursor.name())
    elif cursor.take("UNIQUE", "INDEX"):
        yield _unique_index(sql, cursor)
    elif cursor.take("TYPE"):
        name = cursor.name()
        if cursor.take("AS", "ENUM"):
            labels = tuple(
                name_of(one) for one in cursor.inside() if one.kind is Kind.STRING
            )
            yield Undo(kind=UndoKind.ENUM_MADE, table=name, names=labels)


def _unique_index(sql: str, cursor: Cursor) -> Undo:
    cursor.take("CONCURRENTLY")
    cursor.take("IF", "NOT", "EXISTS")
    name = "" if cursor.ahead("ON") else cursor.name()
    cursor.take("ON")
    cursor.take("ONLY")
    table = cursor.name()
    if cursor.take("USING"):
        cursor.skip()
    items = items_of(cursor.inside())
    names = column_names(items)
    cursor.until("WHERE")
    where = text_between(sql, cursor.rest[1:])
    kind = UndoKind.UNIQUE if names else UndoKind.FAILS_BY_ITSELF
    return Undo(kind=kind, table=table, names=names, text=where, other=name)


def _drop(cursor: Cursor) -> Iterator[Undo]:
    kind = cursor.skip()
    key = kind.key if kind else ""
    cursor.take("IF", "EXISTS")
    if key == "TABLE":
        names = _names(cursor)
        yield from (Undo(kind=UndoKind.TABLE_DROPPED, table=one) for one in names)
    elif key == "OWNED" or (cursor.has("CASCADE") and key not in _ALONE):
        # Columns and tables may go with it, and which ones is not said here.
        yield Undo(kind=UndoKind.UNKNOWN)


# What depends on these holds no rows of its own.
_ALONE: Final = frozenset(
    {"INDEX", "VIEW", "MATERIALIZED", "TRIGGER", "RULE", "POLICY"}
)


def _truncate(cursor: Cursor) -> Iterator[Undo]:
    cursor.take("TABLE")
    names = _names(cursor)
    if cursor.has("CASCADE"):
        yield Undo(kind=UndoKind.UNKNOWN)
        return
    yield from (Undo(kind=UndoKind.TABLE_EMPTIED, table=one) for one in names)


def _delete(sql: str, cursor: Cursor) -> Undo:
    cursor.take("FROM")
    cursor.take("ONLY")
    table = cursor.name()
    alias = _alias(cursor, "USING", "WHERE", "RETURNING")
    joined = cursor.has("USING")
    where = "" if joined else _where(sql, cursor)
    return Undo(kind=UndoKind.ROWS_DELETED, table=table, text=where, other=alias)


def _update(sql: str, cursor: Cursor) -> Undo:
    cursor.take("ONLY")
    table = cursor.name()
    alias = _alias(cursor, "SET")
    cursor.take("SET")
    assigned = cursor.until("FROM", "WHERE", "RETURNING")
    names = tuple(Cursor(item).name() for item in items_of(assigned))
    where = "" if cursor.key == "FROM" else _where(sql, cursor)
    known = all(names) and bool(names)
    return Undo(
        kind=UndoKind.ROWS_CHANGED if known else UndoKind.UNKNOWN,
        table=table,
        names=names if known else (),
        text=where,
        other=alias,
    )


def _alias(cursor: Cursor, *ends: str) -> str:
    cursor.take("*")
    named = cursor.take("AS") or (cursor.key not in ends and bool(cursor.rest))
    return cursor.name() if named else ""


def _where(sql: str, cursor: Cursor) -> str:
    cursor.until("WHERE", "RETURNING")
    if not cursor.take("WHERE"):
        return ""
    return text_between(sql, cursor.until("RETURNING"))


def _names(cursor: Cursor) -> list[str]:
    cursor.take("ONLY")
    found = [cursor.name()]
    while cursor.take(","):
        cursor.take("ONLY")
        found.append(cursor.name())
    return [one for one in found if one]
