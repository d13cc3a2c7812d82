"""Reads statements that change rows: how many of them, as far as that can be said."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from app.backend.migrations.analysis.reading.notes import Notes, Work
from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.sql.tokens import Kind, Token
from app.backend.migrations.statements import Lock

__all__ = ["WRITES", "read_with", "read_write"]

WRITES: Final = ("UPDATE", "DELETE", "INSERT", "MERGE", "COPY")
_ROWS = Lock.ROW_EXCLUSIVE
_OPENING: Final = frozenset("([")
_CLOSING: Final = frozenset(")]")
_LIMITS: Final = frozenset({"LIMIT", "FETCH", "CTID"})
_ABOVE: Final = frozenset({">", ">="})
_BELOW: Final = frozenset({"<", "<="})
# A value of one of these is a row's own, or that of few.
_KEYS: Final = frozenset(
    {"id", "pk", "key", "name", "slug", "code", "email", "uuid", "guid", "token"}
    | {"username", "login", "sku", "number", "version", "version_num", "revision"}
)
_KEY_ENDS: Final = ("_id", "_key", "_uuid", "_code", "_name", "_number", "_slug")


class Share(IntEnum):
    """How much of a table a condition may mean."""

    ONE = 0
    BATCH = 1
    MANY = 2
    ALL = 3


def read_write(cursor: Cursor, notes: Notes, *, limited: bool = False) -> None:
    """``UPDATE``, ``DELETE``, ``INSERT``, ``MERGE``, ``COPY``.

    Args:
        cursor: before the first word.
        notes: of the statement.
        limited: whether a query beside it says how many rows there are.
    """
    match cursor.take_one_of(*WRITES):
        case "UPDATE":
            cursor.take("ONLY")
            _change(cursor.name(), cursor, notes, limited=limited)
        case "DELETE":
            cursor.take("FROM")
            cursor.take("ONLY")
            _change(cursor.name(), cursor, notes, limited=limited)
        case "MERGE":
            cursor.take("INTO")
            cursor.take("ONLY")
            table = cursor.name()
            notes.hold(table, _ROWS)
            if not notes.is_new(table):
                notes.work = Work.WRITES
            notes.blame("update-many-rows", table, _ROWS)
        case "INSERT":
            cursor.take("INTO")
            table = cursor.name()
            if cursor.key == "(":
                cursor.inside()
            _fill(table, notes, many=cursor.has("SELECT") and cursor.has("FROM"))
        case "COPY":
            table = cursor.name()
            if cursor.key == "(":
                cursor.inside()
            _fill(table, notes, many=cursor.ahead("FROM"))
        case _:
            notes.understood = False


def read_with(cursor: Cursor, notes: Notes) -> None:
    """``WITH … AS (…) …``: each of its queries may write, too."""
    limited = any(token.key in _LIMITS for token in cursor.rest)
    cursor.take("WITH")
    cursor.take("RECURSIVE")
    while cursor.rest and cursor.key not in (*WRITES, "SELECT", "VALUES", "TABLE"):
        cursor.until("AS")
        cursor.take("AS")
        cursor.take("NOT")
        cursor.take("MATERIALIZED")
        inner = Cursor(cursor.inside())
        if inner.key in WRITES:
            read_write(inner, notes, limited=limited)
        cursor.until(",", *WRITES, "SELECT", "VALUES", "TABLE")
        cursor.take(",")
    if cursor.key in WRITES:
        read_write(cursor, notes, limited=limited)
    elif notes.work is Work.NOTHING:
        notes.work = Work.READS


def _fill(table: str, notes: Notes, *, many: bool) -> None:
    notes.hold(table, _ROWS)
    if many and not notes.is_new(table):
        notes.work = Work.WRITES


def _change(table: str, cursor: Cursor, notes: Notes, *, limited: bool) -> None:
    notes.hold(table, _ROWS)
    if notes.is_new(table):
        return
    limited = limited or _limited(cursor)
    cursor.until("WHERE")
    share = _share(cursor.rest) if cursor.take("WHERE") else Share.ALL
    if limited:
        share = min(share, Share.BATCH)
    match share:
        case Share.ONE:
            pass
        case Share.BATCH:
            notes.work = Work.BATCH
        case Share.MANY:
            notes.work = Work.WRITES
            notes.blame("update-many-rows", table, _ROWS)
        case Share.ALL:
            notes.work = Work.WRITES
            notes.blame("update-all-rows", table, _ROWS)


def _limited(cursor: Cursor) -> bool:
    keys = [token.key for token in cursor.rest]
    return not _LIMITS.isdisjoint(keys) or "CURRENT" in keys


def _share(condition: Sequence[Token]) -> Share:
    """The most of what its alternatives may mean."""
    return max(_share_of_one(part) for part in _alternatives(condition))


def _alternatives(condition: Sequence[Token]) -> list[Sequence[Token]]:
    """What OR divides, outside of parentheses."""
    parts, start, depth = [], 0, 0
    for place, token in enumerate(condition):
        depth += (token.key in _OPENING) - (token.key in _CLOSING)
        if token.key == "OR" and not depth:
            parts.append(condition[start:place])
            start = place + 1
    return [*parts, condition[start:]]


def _share_of_one(condition: Sequence[Token]) -> Share:
    """Conditions that all have to hold: the narrowest of them counts."""
    condition = _without_queries(condition)
    keys = {token.key.rstrip("+-") for token in condition}
    spans = "BETWEEN" in keys or bool(keys & _ABOVE and keys & _BELOW)
    compared = [
        _compared(condition, place)
        for place, token in enumerate(condition)
        if token.key.rstrip("+-") == "=" or token.key in ("IN", "ANY")
    ]
    narrowest = min(compared, default=Share.ALL)
    if spans:
        return min(narrowest, Share.BATCH)
    return min(narrowest, Share.MANY) if keys & (_ABOVE | _BELOW) else narrowest


def _without_queries(condition: Sequence[Token]) -> Sequence[Token]:
    """What a query within says of its own rows is nothing about the table's."""
    kept: list[Token] = []
    cursor = Cursor(condition)
    while cursor.rest:
        if cursor.ahead("(", "SELECT") or cursor.ahead("(", "WITH"):
            cursor.inside()
        elif token := cursor.skip():
            kept.append(token)
    return kept


def _compared(condition: Sequence[Token], place: int) -> Share:
    """What one comparison leaves: the rows of a key's value are few."""
    after = Cursor(condition[place + 1 :])
    if condition[place].key == "IN":
        listed = items_of(after.inside())
        return Share.BATCH if listed and _is_value(listed[0][:1]) else Share.MANY
    if condition[place].key == "ANY":
        return Share.BATCH
    if not _is_value(after.rest[:1]) or place == 0:
        return Share.MANY
    column = name_of(condition[place - 1])
    return Share.ONE if column in _KEYS or column.endswith(_KEY_ENDS) else Share.MANY


def _is_value(tokens: Sequence[Token]) -> bool:
    if not tokens:
        return False
    token = tokens[0]
    return token.kind in (Kind.STRING, Kind.NUMBER) or token.key in (":", "?")
