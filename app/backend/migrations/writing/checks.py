"""CHECK constraints, which Alembic does not compare."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import CheckConstraint, MetaData, Table, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import conv

from app.backend.migrations.operations.naming import final_name, value
from app.backend.migrations.writing.pen import Key, Pen

__all__ = ["draw_checks"]


def draw_checks(
    models: MetaData | Sequence[MetaData],
    connection: Connection,
    pen: Pen,
    waiting: Collection[Key],
) -> None:
    """Draws up those that a table in use lacks, by their names.

    Whether one of that name says the same cannot be told: the server writes a condition
    in its own words. One that the models no longer have stays.

    Args:
        models: the tables as they shall be.
        connection: to the database.
        pen: writes.
        waiting: tables that lack a column of the models still.
    """
    several = models if isinstance(models, Sequence) else [models]
    for table in (table for one in several for table in one.tables.values()):
        wanted = dict(_named(table))
        for name in sorted(wanted.keys() - _there(connection, table)):
            if (table.schema, table.name) in waiting:
                pen.refuse(
                    f"check {name} of {table.name}",
                    "columns of that table are missing",
                    "see to these first",
                )
            else:
                _draw(table, name, wanted[name], pen)


def _named(table: Table) -> Iterator[tuple[str, CheckConstraint]]:
    for one in table.constraints:
        # An enum that is none of the server's has one that is its type's.
        bound = getattr(one, "_type_bound", False)
        if isinstance(one, CheckConstraint) and not bound:
            name = final_name(one)
            if name is not None:
                yield name, one


def _there(connection: Connection, table: Table) -> set[str]:
    """Of a table that is not there yet: all, since it comes with them."""
    found: Any = inspect(connection)
    if not found.has_table(table.name, schema=table.schema):
        return {name for name, _ in _named(table)}
    known = found.get_check_constraints(table.name, schema=table.schema)
    return {str(one["name"]) for one in known}


def _draw(table: Table, name: str, constraint: CheckConstraint, pen: Pen) -> None:
    of_table = {"schema": table.schema}
    up = pen.rendering.call(
        "safe_create_check",
        conv(name),
        table.name,
        value(constraint.sqltext),
        **of_table,
    )
    down = pen.rendering.call(
        "safe_drop_constraint", conv(name), table.name, type_="check", **of_table
    )
    pen.draft(f"check {name} of {table.name}", (up,), (down,))
