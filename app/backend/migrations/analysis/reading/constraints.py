"""Reads what is added to a table: columns and constraints."""

from app.backend.migrations.analysis.reading.notes import Notes
from app.backend.migrations.sql.columns import (
    Column,
    Constraint,
    read_column,
    read_constraint,
)
from app.backend.migrations.sql.cursor import Cursor, text_of
from app.backend.migrations.statements import Lock

__all__ = ["add_column", "add_constraint", "note_column", "note_key", "set_not_null"]

_FULL = Lock.ACCESS_EXCLUSIVE
_WRITES = Lock.SHARE_ROW_EXCLUSIVE


def add_column(cursor: Cursor, table: str, notes: Notes) -> None:
    """``ADD [COLUMN] …``, which locks the table for all it has to do."""
    cursor.take("COLUMN")
    cursor.take("IF", "NOT", "EXISTS")
    column = read_column(cursor)
    notes.hold(table, _FULL)
    _blame_rewrite(column, table, notes)
    if column.unique:
        notes.blame("add-column-unique", table, _FULL)
    if column.checked:
        notes.blame("add-column-check", table, _FULL)
    if column.type.base == "json":
        notes.blame("add-column-json", table, _FULL)
    if column.references:
        # Rows that get a value have to be looked up; those without have not.
        rule = "add-foreign-key" if column.default else "add-column-references"
        notes.hold(column.references, _WRITES)
        notes.blame(rule, table, _FULL, other=column.references)
    notes.known.new_columns.add(f"{table}.{column.name}")
    note_column(column, table, notes)


def note_column(column: Column, table: str, notes: Notes) -> None:
    """What is known of a column from now on."""
    known = notes.known
    known.set_type(table, column.name, column.type)
    if column.required:
        known.require(table, column.name)
    if column.unique:
        known.add_index("", table, (column.name,))
    if column.references:
        # As the server names it.
        name = f"{table.rpartition('.')[2]}_{column.name}_fkey"
        known.add_key(table, name, column.references)
        notes.keys.append((table, column.name))


def add_constraint(cursor: Cursor, table: str, notes: Notes) -> None:
    """``ADD [CONSTRAINT …] …``."""
    constraint = read_constraint(cursor)
    if not constraint.validates:
        notes.added.add((table, constraint.name))
    match constraint.kind:
        case "CHECK":
            expression = text_of(constraint.body)
            _add_check(constraint, expression, "add-check", table, notes)
        case "NOT":
            column = constraint.columns[0]
            proven = constraint.validates and notes.known.holds_no_null(table, column)
            expression = f"{column} is not null"
            rule = "" if proven else "set-not-null"
            _add_check(constraint, expression, rule, table, notes)
        case "FOREIGN":
            _add_key(constraint, table, notes)
        case "UNIQUE" | "PRIMARY":
            _add_unique(constraint, table, notes)
        case "EXCLUDE":
            notes.blame("add-exclusion", table, _FULL)
        case _:
            notes.understood = False


def set_not_null(table: str, column: str, notes: Notes) -> None:
    """``ALTER COLUMN … SET NOT NULL``, which reads nothing where a check proves it."""
    notes.hold(table, _FULL)
    if not notes.known.holds_no_null(table, column):
        notes.blame("set-not-null", table, _FULL)
    notes.known.require(table, column)


def note_key(constraint: Constraint, table: str, notes: Notes) -> None:
    """What is known of a foreign key from now on."""
    first = constraint.columns[0] if constraint.columns else ""
    name = constraint.name or f"{table.rpartition('.')[2]}_{first}_fkey"
    notes.known.add_key(table, name, constraint.references)
    if first:
        notes.keys.append((table, first))


def _blame_rewrite(column: Column, table: str, notes: Notes) -> None:
    if column.numbered:
        notes.blame("add-column-serial", table, _FULL)
    elif column.stored:
        notes.blame("add-column-generated", table, _FULL)
    elif column.volatile:
        notes.blame("add-column-volatile-default", table, _FULL)
    elif column.required and not (column.default or column.generated):
        notes.blame("add-column-required", table, _FULL)


def _add_check(
    constraint: Constraint, expression: str, rule: str, table: str, notes: Notes
) -> None:
    name, valid = constraint.name, constraint.validates
    notes.known.add_check(table, name, expression, valid=valid)
    notes.hold(table, _FULL)
    if valid and rule:
        notes.blame(rule, table, _FULL)


def _add_key(constraint: Constraint, table: str, notes: Notes) -> None:
    other = constraint.references
    notes.hold(table, _WRITES)
    notes.hold(other, _WRITES)
    note_key(constraint, table, notes)
    if not constraint.validates or (other == table and notes.is_new(table)):
        return
    if not notes.is_new(table):
        notes.blame("add-foreign-key", table, _WRITES, other=other)
    elif notes.in_transaction:
        rule = "references-existing-table"
        notes.blame(rule, table, _WRITES, other=other, on=other)


def _add_unique(constraint: Constraint, table: str, notes: Notes) -> None:
    primary = constraint.kind == "PRIMARY"
    notes.hold(table, _FULL)
    if not constraint.index:
        rule = "add-primary-key" if primary else "add-unique"
        notes.blame(rule, table, _FULL)
        notes.known.add_index(constraint.name, table, constraint.columns)
    elif primary and not notes.known.index_is_required(constraint.index):
        notes.blame("primary-key-sets-not-null", table, _FULL)
