"""Reads CREATE, of whatever it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from app.backend.migrations.analysis.reading.constraints import note_column, note_key
from app.backend.migrations.analysis.reading.notes import Notes, Work
from app.backend.migrations.sql.columns import (
    begins_constraint,
    read_column,
    read_constraint,
)
from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.sql.tokens import Kind, Token
from app.backend.migrations.statements import Lock

__all__ = ["create"]

_FULL = Lock.ACCESS_EXCLUSIVE
_WRITES = Lock.SHARE_ROW_EXCLUSIVE
_BEFORE: Final = (
    *("OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"),
    *("RECURSIVE", "UNIQUE", "CONSTRAINT", "TRUSTED", "PROCEDURAL", "DEFAULT"),
)
_OUTSIDE: Final = ("DATABASE", "TABLESPACE", "SUBSCRIPTION")


def create(cursor: Cursor, notes: Notes) -> None:
    """``CREATE …``; what nobody can use yet blocks nobody."""
    replaces = cursor.ahead("OR", "REPLACE")
    while cursor.take_one_of(*_BEFORE):
        pass
    cursor.take("FOREIGN")
    kind = cursor.key
    cursor.skip()
    if kind == "MATERIALIZED":
        cursor.take("VIEW")
        notes.work = Work.READS
        _note_new(cursor, notes)
    elif kind == "VIEW":
        _create_view(cursor, notes, replaces=replaces)
    elif kind in _OUTSIDE:
        notes.outside = True
    else:
        _KINDS.get(kind, _note_new)(cursor, notes)


def _note_new(cursor: Cursor, notes: Notes) -> None:
    cursor.take("IF", "NOT", "EXISTS")
    notes.known.new.add(cursor.name())


def _create_view(cursor: Cursor, notes: Notes, *, replaces: bool) -> None:
    name = cursor.name()
    if replaces:
        notes.blame("replace-view", name, _FULL)
    else:
        notes.known.new.add(name)


def _create_table(cursor: Cursor, notes: Notes) -> None:
    cursor.take("IF", "NOT", "EXISTS")
    table = cursor.name()
    notes.known.new.add(table)
    if cursor.take("PARTITION", "OF"):
        parent = cursor.name()
        notes.blame("partition-of", parent, _FULL)
    if cursor.key == "(":
        for item in items_of(cursor.inside()):
            _read_element(Cursor(item), table, notes)
    if cursor.has("AS"):
        notes.work = Work.READS
    cursor.until("INHERITS")
    if cursor.take("INHERITS"):
        for item in items_of(cursor.inside()):
            notes.hold(Cursor(item).name(), Lock.SHARE_UPDATE_EXCLUSIVE)


def _read_element(cursor: Cursor, table: str, notes: Notes) -> None:
    if cursor.key in ("", "LIKE"):
        return
    if not begins_constraint(cursor):
        column = read_column(cursor)
        note_column(column, table, notes)
        _refer(column.references, table, notes)
        return
    constraint = read_constraint(cursor)
    match constraint.kind:
        case "FOREIGN":
            note_key(constraint, table, notes)
            _refer(constraint.references, table, notes)
        case "UNIQUE" | "PRIMARY":
            notes.known.add_index(constraint.name, table, constraint.columns)
        case _:
            pass


def _refer(other: str, table: str, notes: Notes) -> None:
    if other and other != table:
        rule = "references-existing-table"
        notes.blame(rule, table, _WRITES, other=other, on=other)


def _create_index(cursor: Cursor, notes: Notes) -> None:
    concurrently = cursor.take("CONCURRENTLY")
    lenient = cursor.take("IF", "NOT", "EXISTS")
    name = "" if cursor.key == "ON" else cursor.name()
    cursor.take("ON")
    # An index ON ONLY a partitioned table is empty until its parts are attached.
    only = cursor.take("ONLY")
    table = cursor.name()
    if cursor.take("USING"):
        cursor.name()
    columns = _leading_columns(cursor.inside())
    if not cursor.has("WHERE"):
        notes.known.add_index(name, table, columns)
    if concurrently:
        notes.outside = True
        notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
        if lenient:
            notes.blame("index-if-not-exists", table, Lock.SHARE_UPDATE_EXCLUSIVE)
    elif only:
        notes.hold(table, Lock.SHARE)
    else:
        notes.blame("create-index", table, Lock.SHARE)


def _leading_columns(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The columns of an index up to the first that is an expression."""
    names = []
    for item in items_of(tokens):
        called = len(item) > 1 and item[1].key == "("
        if not item or called or item[0].kind not in (Kind.WORD, Kind.QUOTED):
            break
        names.append(name_of(item[0]))
    return tuple(names)


def _create_trigger(cursor: Cursor, notes: Notes) -> None:
    # That is a view's, which rows pass only by way of the trigger.
    if cursor.has("INSTEAD", "OF"):
        return
    cursor.until("ON")
    cursor.take("ON")
    notes.blame("create-trigger", cursor.name(), _WRITES)


def _create_policy(cursor: Cursor, notes: Notes) -> None:
    cursor.until("ON")
    cursor.take("ON")
    notes.blame("brief-exclusive-lock", cursor.name(), _FULL)


def _create_rule(cursor: Cursor, notes: Notes) -> None:
    cursor.until("TO")
    cursor.take("TO")
    notes.blame("brief-exclusive-lock", cursor.name(), _FULL)


def _ignore(_: Cursor, __: Notes) -> None:
    """An event trigger or a function: nothing that a migration reads later."""


_KINDS: Final[Mapping[str, Callable[[Cursor, Notes], None]]] = {
    "TABLE": _create_table,
    "INDEX": _create_index,
    "TRIGGER": _create_trigger,
    "POLICY": _create_policy,
    "RULE": _create_rule,
    "EVENT": _ignore,
    "FUNCTION": _note_new,
    "PROCEDURE": _note_new,
}
