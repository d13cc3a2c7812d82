"""What can be kept of a row that the old schema cannot hold. Pure."""

from app.backend.migrations.back.conditions import alias_of, identifier
from app.backend.migrations.back.risk import Keep
from app.backend.migrations.back.schema import Column, Table
from app.backend.migrations.statements import Statement

__all__ = [
    "refusal_of_statement",
    "refusal_of_values",
    "refusal_to_set_aside",
    "set_aside",
    "source_of",
]


def source_of(table: Table, alias: str = "") -> str:
    """A table as it stands in a FROM."""
    return f"{table.sql} AS {identifier(alias) if alias else alias_of(table)}"


def set_aside(table: Table, column: Column) -> Keep:
    """A value alone where the row can do without it; else the whole row."""
    if column.required or not table.key or column.name in table.key:
        return Keep.ASIDE
    return Keep.EMPTIED


def refusal_to_set_aside(table: Table, keep: Keep) -> str:
    """Why rows of a table cannot be set aside; empty: they can."""
    if keep is Keep.ASIDE and table.pulls:
        return (
            f"rows of other tables would go with those of {table.name}"
            " (ON DELETE CASCADE or SET NULL): change these rows by hand"
        )
    return ""


def refusal_of_values(table: Table, column: Column) -> str:
    """Why a column's values could not be brought back; empty: they could."""
    if not table.key or column.name in table.key:
        return f"{table.name} has no key by which {column.name} could come back"
    return ""


def refusal_of_statement(statement: Statement, *, steps: bool = True) -> str:
    """Why rows that are written until it runs might be missed; empty: none would.

    A revision's first transaction holds its locks from the copy on; a step of a safe
    operation is copied for in its own transaction.

    Args:
        statement: of a downgrade.
        steps: whether such a step is known by its statement.
    """
    if statement.directive is not None:
        return "" if steps else "its rows are changed in batches: do it by hand"
    if statement.transaction == 1:
        return ""
    return (
        "it does not run in the revision's first transaction, so that rows could be"
        " written between copying and losing them: give it a revision of its own"
    )
