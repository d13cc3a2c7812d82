"""A loss as a risk, of each kind that a statement may bring. Pure."""

from typing import Any

from app.backend.migrations.back.conditions import Conditions
from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.back.risk import Keep, Risk, RiskKind
from app.backend.migrations.back.schema import Column, Table
from app.backend.migrations.back.setting_aside import (
    refusal_of_statement,
    refusal_of_values,
    refusal_to_set_aside,
    set_aside,
    source_of,
)
from app.backend.migrations.back.undoing import Undo
from app.backend.migrations.statements import Statement

__all__ = [
    "comes_back_empty",
    "in_the_way",
    "irreversible",
    "misfits",
    "overwritten",
    "rows_go",
    "unknown",
    "values_go",
    "without_value",
]


def irreversible(reverse: Reverse) -> Risk:
    """A revision without a way back."""
    return Risk(
        revision=reverse.id,
        file=reverse.file,
        line=reverse.down.line if reverse.down else 0,
        kind=RiskKind.IRREVERSIBLE,
        why=reverse.irreversible,
        hopeless="write its downgrade as statements, or go back by hand",
    )


def unknown(statement: Statement) -> Risk:
    """A statement whose text does not say what it does."""
    return Risk(
        **_place(statement),
        kind=RiskKind.CANNOT_BE_TOLD,
        why="what it does to rows cannot be told without running it",
        hopeless="write it as plain statements, or go back by hand",
    )


def rows_go(
    statement: Statement, table: Table, why: str, *, where: str = "", alias: str = ""
) -> Risk:
    """Rows that are deleted, or go with their table."""
    return Risk(
        **_place(statement),
        kind=RiskKind.ROWS_GO,
        table=table.name,
        source=source_of(table, alias),
        condition=where or "true",
        why=why,
        keep=Keep.ROWS,
        silent=True,
        in_step=statement.directive is not None,
        hopeless=refusal_of_statement(statement),
    )


def values_go(
    statement: Statement, table: Table, column: Column, conditions: Conditions
) -> Risk:
    """Values that go with their column."""
    return Risk(
        **_place(statement),
        kind=RiskKind.VALUES_GO,
        table=table.name,
        columns=(column.name,),
        source=source_of(table),
        condition=conditions.written(column),
        why="its values go",
        keep=Keep.VALUES,
        silent=True,
        in_step=statement.directive is not None,
        hopeless=refusal_of_statement(statement) or refusal_of_values(table, column),
    )


def overwritten(statement: Statement, table: Table, column: Column, undo: Undo) -> Risk:
    """Values that an UPDATE replaces."""
    apart = refusal_of_statement(statement, steps=False)
    return Risk(
        **_place(statement),
        kind=RiskKind.VALUES_OVERWRITTEN,
        table=table.name,
        columns=(column.name,),
        source=source_of(table, undo.other),
        condition=f"{column.sql} IS NOT NULL AND ({undo.text or 'true'})",
        why="its values are overwritten",
        keep=Keep.VALUES,
        silent=True,
        hopeless=apart or refusal_of_values(table, column),
    )


def misfits(
    statement: Statement, table: Table, column: Column, undo: Undo, condition: str
) -> Risk:
    """Values that another type does not hold."""
    keep = set_aside(table, column)
    apart = refusal_of_statement(statement)
    return Risk(
        **_place(statement),
        kind=RiskKind.VALUES_DO_NOT_FIT,
        table=table.name,
        columns=(column.name,),
        source=source_of(table),
        condition=condition,
        why=f"{undo.text} does not hold them",
        keep=keep,
        silent=undo.filled,
        hopeless=apart or refusal_to_set_aside(table, keep),
    )


def comes_back_empty(statement: Statement, undo: Undo, table: Table | None) -> Risk:
    """A column, or where ``table`` is None a table, whose content does not return."""
    return Risk(
        **_place(statement),
        kind=RiskKind.COMES_BACK_EMPTY,
        table=table.name if table else undo.table,
        columns=undo.names if table else (),
        source=source_of(table) if table else "",
        condition="true" if table else None,
        why="it comes back, and what it held does not",
    )


def in_the_way(
    statement: Statement,
    table: Table,
    columns: tuple[str, ...],
    found: tuple[RiskKind, str, str],
) -> Risk:
    """Rows that a constraint would refuse."""
    kind, condition, why = found
    return Risk(
        **_place(statement),
        kind=kind,
        table=table.name,
        columns=columns,
        source=source_of(table),
        condition=condition,
        why=why,
        keep=Keep.ASIDE,
        hopeless=refusal_to_set_aside(table, Keep.ASIDE),
    )


def without_value(statement: Statement, table: Table, undo: Undo) -> Risk:
    """A column that comes back required, and empty."""
    return Risk(
        **_place(statement),
        kind=RiskKind.NULLS,
        table=table.name,
        columns=undo.names,
        source=source_of(table),
        condition="true",
        why="it comes back without a value, and must have one",
        hopeless="have the downgrade give it a default, or fill it",
    )


def _place(statement: Statement) -> dict[str, Any]:
    return {
        "revision": statement.revision,
        "file": statement.file,
        "line": statement.line,
        "statement": statement.sql,
    }
