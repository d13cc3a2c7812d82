"""Reads DROP and TRUNCATE, and ALTER of what is no table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from app.backend.migrations.analysis.reading.altering import alter_table
from app.backend.migrations.analysis.reading.notes import Notes
from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.statements import Lock

__all__ = ["alter", "drop", "truncate"]

_FULL = Lock.ACCESS_EXCLUSIVE
_RULES: Final[Mapping[str, str]] = {
    "TABLE": "drop-table",
    "FOREIGN": "drop-table",
    "VIEW": "drop-view",
    "MATERIALIZED": "drop-view",
}
# Nobody's statements name them.
_HARMLESS: Final = (
    *("STATISTICS", "ROLE", "USER", "GROUP", "PUBLICATION", "EVENT", "TEXT"),
    *("CAST", "CONVERSION", "LANGUAGE", "SERVER", "TRANSFORM", "ACCESS"),
)
_OF_TABLE: Final[Mapping[str, str]] = {
    "TRIGGER": "change-trigger",
    "POLICY": "brief-exclusive-lock",
    "RULE": "brief-exclusive-lock",
}


def drop(cursor: Cursor, notes: Notes) -> None:
    """``DROP …`` of one thing or several."""
    kind = cursor.key
    cursor.skip()
    if kind in ("FOREIGN", "MATERIALIZED"):
        cursor.skip()
    if kind == "INDEX":
        _drop_index(cursor, notes)
    elif kind in _OF_TABLE:
        cursor.until("ON")
        cursor.take("ON")
        notes.blame(_OF_TABLE[kind], cursor.name(), _FULL)
    elif kind in ("DATABASE", "TABLESPACE", "SUBSCRIPTION"):
        notes.outside = True
        notes.blame("drop-object", cursor.name())
    elif kind not in _HARMLESS:
        rule = _RULES.get(kind, "drop-object")
        lock = _FULL if kind in _RULES else Lock.NONE
        for name in _names(cursor):
            notes.blame(rule, name, lock)
            if cursor.has("CASCADE"):
                notes.blame("drop-cascade", name, lock)


def truncate(cursor: Cursor, notes: Notes) -> None:
    """``TRUNCATE …``."""
    cursor.take("TABLE")
    cursor.take("ONLY")
    for name in _names(cursor):
        notes.blame("truncate", name, _FULL)


def alter(cursor: Cursor, notes: Notes) -> None:
    """``ALTER …`` of whatever it is."""
    kind = cursor.key
    cursor.skip()
    if kind in ("FOREIGN", "MATERIALIZED"):
        cursor.skip()
        kind = "TABLE"
    read = _KINDS.get(kind, _alter_other)
    read(cursor, notes)


def _names(cursor: Cursor) -> Iterator[str]:
    cursor.take("IF", "EXISTS")
    for item in items_of(cursor.rest):
        within = Cursor(item)
        within.take("ONLY")
        if name := within.name():
            yield name


def _drop_index(cursor: Cursor, notes: Notes) -> None:
    notes.outside = cursor.take("CONCURRENTLY")
    for name in _names(cursor):
        table = notes.known.table_of(name)
        if notes.outside:
            notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
        else:
            notes.blame("drop-index", table or f"the table of {name}", _FULL)


def _alter_index(cursor: Cursor, notes: Notes) -> None:
    cursor.take("IF", "EXISTS")
    if cursor.has("SET", "TABLESPACE"):
        cursor.take("ALL", "IN", "TABLESPACE")
        notes.blame("rewrite-table", cursor.name(), _FULL)


def _alter_sequence(cursor: Cursor, notes: Notes) -> None:
    cursor.take("IF", "EXISTS")
    name = cursor.name()
    if cursor.has("RESTART"):
        notes.blame("alter-sequence", name, Lock.SHARE_ROW_EXCLUSIVE)
    _blame_rename(cursor, name, Lock.SHARE_ROW_EXCLUSIVE, notes)


def _alter_type(cursor: Cursor, notes: Notes) -> None:
    name = cursor.name()
    if cursor.take("ADD", "VALUE"):
        cursor.take("IF", "NOT", "EXISTS")
        value = cursor.skip()
        notes.values |= {name_of(value)} if value else set()
        notes.blame("enum-value-stays", name)
    elif cursor.take("RENAME", "VALUE"):
        notes.blame("rename-enum-value", name, Lock.NONE)
    elif cursor.ahead("RENAME"):
        notes.blame("rename", name, Lock.NONE)
    elif cursor.ahead("DROP", "ATTRIBUTE"):
        notes.blame("drop-object", name, Lock.NONE)
    else:
        _blame_rename(cursor, name, Lock.NONE, notes)


def _alter_domain(cursor: Cursor, notes: Notes) -> None:
    name = cursor.name()
    adds = cursor.ahead("ADD") and not cursor.has("NOT", "VALID")
    if adds or cursor.ahead("SET", "NOT", "NULL"):
        notes.blame("domain-check", name, Lock.SHARE)
    _blame_rename(cursor, name, Lock.NONE, notes)


def _alter_policy(cursor: Cursor, notes: Notes) -> None:
    cursor.until("ON")
    cursor.take("ON")
    notes.blame("brief-exclusive-lock", cursor.name(), _FULL)


def _alter_view(cursor: Cursor, notes: Notes) -> None:
    cursor.take("IF", "EXISTS")
    name = cursor.name()
    notes.hold(name, _FULL)
    if cursor.ahead("OWNER"):
        notes.blame("brief-exclusive-lock", name, _FULL)
    _blame_rename(cursor, name, _FULL, notes)


def _alter_trigger(cursor: Cursor, notes: Notes) -> None:
    cursor.until("ON")
    cursor.take("ON")
    notes.hold(cursor.name(), _FULL)


def _alter_routine(cursor: Cursor, notes: Notes) -> None:
    name = cursor.name()
    cursor.inside()
    _blame_rename(cursor, name, Lock.NONE, notes)


def _alter_system(_: Cursor, notes: Notes) -> None:
    notes.outside = True


def _alter_other(_: Cursor, __: Notes) -> None:
    """Roles, extensions, publications, privileges: no table waits for them."""


def _blame_rename(cursor: Cursor, name: str, lock: Lock, notes: Notes) -> None:
    renames = cursor.ahead("RENAME") and not cursor.ahead("RENAME", "CONSTRAINT")
    if renames or cursor.ahead("SET", "SCHEMA"):
        notes.blame("rename", name, lock)


_KINDS: Final[Mapping[str, Callable[[Cursor, Notes], None]]] = {
    "TABLE": alter_table,
    "INDEX": _alter_index,
    "SEQUENCE": _alter_sequence,
    "TYPE": _alter_type,
    "DOMAIN": _alter_domain,
    "POLICY": _alter_policy,
    "VIEW": _alter_view,
    "TRIGGER": _alter_trigger,
    "FUNCTION": _alter_routine,
    "PROCEDURE": _alter_routine,
    "ROUTINE": _alter_routine,
    "AGGREGATE": _alter_routine,
    "SCHEMA": _alter_routine,
    "SYSTEM": _alter_system,
}
