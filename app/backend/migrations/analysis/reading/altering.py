"""Reads ALTER TABLE, action by action."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from app.backend.migrations.analysis.reading.constraints import (
    add_column,
    add_constraint,
    set_not_null,
)
from app.backend.migrations.analysis.reading.notes import Notes, Work
from app.backend.migrations.sql.columns import begins_constraint
from app.backend.migrations.sql.cursor import Cursor, items_of
from app.backend.migrations.sql.types import Change, change_of, parse_type, read_type
from app.backend.migrations.statements import Lock

__all__ = ["alter_table"]

_FULL = Lock.ACCESS_EXCLUSIVE
_FOREIGN_KEY: Final = "foreign key"
# fk_orders_user, orders_user_id_fkey: what conventions and the server call them.
_KEY_NAME: Final = re.compile(r"(^|_)(fk|fkey|foreign)(_|$)", re.IGNORECASE)
_CHANGES: Final[Mapping[Change, str]] = {
    Change.REWRITE: "change-type",
    Change.BY_TIME_ZONE: "change-type-time-zone",
    Change.NOTHING: "change-type-cached-plans",
}


def alter_table(cursor: Cursor, notes: Notes) -> None:
    """``ALTER TABLE …``; a foreign table's and a materialized view's are like it."""
    if cursor.take("ALL", "IN", "TABLESPACE"):
        notes.blame("rewrite-table", f"all of {cursor.name()}", _FULL)
        return
    cursor.take("IF", "EXISTS")
    cursor.take("ONLY")
    table = cursor.name()
    cursor.take("*")
    for action in items_of(cursor.rest):
        within = Cursor(action)
        word = within.key
        within.skip()
        read = _ACTIONS.get(word)
        if read is None:
            notes.understood = False
            notes.hold(table, _FULL)
        else:
            read(within, table, notes)


def _add(cursor: Cursor, table: str, notes: Notes) -> None:
    read = add_constraint if begins_constraint(cursor) else add_column
    read(cursor, table, notes)


def _drop(cursor: Cursor, table: str, notes: Notes) -> None:
    notes.hold(table, _FULL)
    if cursor.take("CONSTRAINT"):
        cursor.take("IF", "EXISTS")
        _drop_constraint(cursor.name(), table, notes)
    else:
        cursor.take("COLUMN")
        cursor.take("IF", "EXISTS")
        column = f"{table}.{cursor.name()}"
        if column not in notes.known.new_columns:
            notes.blame("drop-column", column, _FULL, on=table)
    if cursor.take("CASCADE"):
        notes.blame("drop-cascade", table, _FULL)


def _drop_constraint(name: str, table: str, notes: Notes) -> None:
    other = notes.known.key(table, name)
    if other or notes.was == _FOREIGN_KEY or _KEY_NAME.search(name):
        notes.hold(other, _FULL)
        other = other or "the table that it refers to"
        notes.blame("drop-foreign-key", table, _FULL, other=other)
    notes.known.drop_constraint(table, name)


def _alter(cursor: Cursor, table: str, notes: Notes) -> None:
    if cursor.take("CONSTRAINT"):
        notes.hold(table, _FULL)
        return
    cursor.take("COLUMN")
    column = cursor.name()
    if cursor.take("TYPE") or cursor.take("SET", "DATA", "TYPE"):
        _change_type(cursor, table, column, notes)
    elif cursor.take("SET", "NOT", "NULL"):
        set_not_null(table, column, notes)
    elif cursor.take("SET", "EXPRESSION"):
        notes.blame("rewrite-table", table, _FULL)
    elif cursor.ahead("SET", "STATISTICS") or cursor.ahead("SET", "("):
        notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
    else:
        notes.hold(table, _FULL)


def _change_type(cursor: Cursor, table: str, column: str, notes: Notes) -> None:
    new = read_type(cursor)
    was = notes.known.type_of(table, column)
    if notes.was is not None:
        was = parse_type(notes.was)
    change = change_of(was, new)
    if cursor.has("USING") or cursor.has("COLLATE"):
        change = Change.REWRITE
    elif change is Change.UNKNOWN:
        # The usual one is a varchar that was too short, which leaves the rows alone.
        wide = new.base in ("text", "character varying") and not new.sizes
        change = Change.NOTHING if wide and not new.array else Change.REWRITE
    elif change is Change.BY_TIME_ZONE and notes.known.utc:
        change = Change.NOTHING
    notes.known.set_type(table, column, new)
    notes.blame(_CHANGES[change], table, _FULL)


def _validate(cursor: Cursor, table: str, notes: Notes) -> None:
    cursor.take("CONSTRAINT")
    name = cursor.name()
    notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
    notes.work = Work.READS
    if (table, name) in notes.added:
        notes.blame("validate-in-same-transaction", table, _FULL)
    notes.validated.add((table, name))
    notes.known.validate(table, name)


def _rename(cursor: Cursor, table: str, notes: Notes) -> None:
    notes.hold(table, _FULL)
    if cursor.take("CONSTRAINT"):
        return
    if cursor.take("TO"):
        notes.blame("rename", table, _FULL)
        notes.known.rename(table, cursor.name())
        return
    cursor.take("COLUMN")
    column = f"{table}.{cursor.name()}"
    if column not in notes.known.new_columns:
        notes.blame("rename", column, _FULL, on=table)


def _set(cursor: Cursor, table: str, notes: Notes) -> None:
    if cursor.take("SCHEMA"):
        notes.blame("rename", table, _FULL)
    elif cursor.key in ("TABLESPACE", "LOGGED", "UNLOGGED", "ACCESS"):
        notes.blame("rewrite-table", table, _FULL)
    else:
        notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)


def _attach(cursor: Cursor, table: str, notes: Notes) -> None:
    cursor.take("PARTITION")
    child = cursor.name()
    notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
    notes.hold(child, _FULL)
    if not notes.known.has_valid_check(child):
        notes.blame("attach-partition", child, _FULL)


def _detach(cursor: Cursor, table: str, notes: Notes) -> None:
    cursor.take("PARTITION")
    child = cursor.name()
    if cursor.take("CONCURRENTLY"):
        notes.outside = True
        notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
    elif cursor.take("FINALIZE"):
        notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)
    else:
        notes.hold(child, _FULL)
        notes.blame("detach-partition", table, _FULL, other=child)


def _switch(cursor: Cursor, table: str, notes: Notes) -> None:
    """ENABLE and DISABLE: triggers, rules, row security."""
    cursor.take_one_of("REPLICA", "ALWAYS")
    if cursor.take("TRIGGER"):
        notes.blame("change-trigger", table, Lock.SHARE_ROW_EXCLUSIVE)
    else:
        notes.blame("brief-exclusive-lock", table, _FULL)


def _briefly(cursor: Cursor, table: str, notes: Notes) -> None:
    """FORCE, NO FORCE, OWNER TO, REPLICA IDENTITY; NO INHERIT is nobody's matter."""
    if cursor.take("INHERIT"):
        notes.hold(table, _FULL)
    else:
        notes.blame("brief-exclusive-lock", table, _FULL)


def _weakly(_: Cursor, table: str, notes: Notes) -> None:
    """RESET, CLUSTER ON."""
    notes.hold(table, Lock.SHARE_UPDATE_EXCLUSIVE)


def _hold(_: Cursor, table: str, notes: Notes) -> None:
    """INHERIT, OF, NOT OF, OPTIONS: at once, and of no consequence to the rows."""
    notes.hold(table, _FULL)


_ACTIONS: Final[Mapping[str, Callable[[Cursor, str, Notes], None]]] = {
    "ADD": _add,
    "DROP": _drop,
    "ALTER": _alter,
    "VALIDATE": _validate,
    "RENAME": _rename,
    "SET": _set,
    "RESET": _weakly,
    "CLUSTER": _weakly,
    "ATTACH": _attach,
    "DETACH": _detach,
    "ENABLE": _switch,
    "DISABLE": _switch,
    "FORCE": _briefly,
    "NO": _briefly,
    "OWNER": _briefly,
    "REPLICA": _briefly,
    "INHERIT": _hold,
    "OF": _hold,
    "NOT": _hold,
    "OPTIONS": _hold,
}
