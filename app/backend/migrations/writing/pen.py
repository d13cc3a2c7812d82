"""Puts down what becomes of a difference."""

from collections.abc import Mapping
from typing import Any, Final

from alembic.operations import MigrateOperation, ops

from app.backend.migrations.writing.naming import name_as_the_server_does
from app.backend.migrations.writing.outcome import Draft, Drawn, Refusal
from app.backend.migrations.writing.rendering import Rendering, Text

__all__ = ["Key", "Pen", "key_of", "told"]

Key = tuple[str | None, str]
_WORDS: Final[Mapping[type, str]] = {
    ops.CreateIndexOp: "index {0.index_name} on {0.table_name}",
    ops.DropIndexOp: "drop index {0.index_name}",
    ops.DropConstraintOp: "drop {0.constraint_name} of {0.table_name}",
    ops.CreateTableOp: "table {0.table_name}",
    ops.DropTableOp: "drop table {0.table_name}",
    ops.AddColumnOp: "column {0.table_name}.{0.column.name}",
    ops.DropColumnOp: "drop {0.table_name}.{0.column_name}",
    ops.AlterColumnOp: "{0.table_name}.{0.column_name}",
}


class Pen:
    """Writes drafts, refusals and advice.

    Args:
        rendering: writes operations as Python.
        drawn: where everything goes.
    """

    def __init__(self, rendering: Rendering, drawn: Drawn) -> None:
        self.rendering = rendering
        self.drawn = drawn

    def safe(
        self,
        operation: MigrateOperation,
        *,
        group: str = "",
    ) -> None:
        """An operation in its safe form, and its way back.

        Args:
            operation: of Alembic's.
            group: drafts of the same group are one revision; empty: it stays alone.
        """
        name_as_the_server_does(operation)
        up = self.rendering.safe(operation)
        back = _reverse(operation)
        down = () if back is None else self.rendering.safe(back)
        if back is None:
            self.note(f"{told(operation)}: nobody said what it was; write the way back")
        self.draft(told(operation), up, down, group)

    def plain(self, operation: Any, group: str) -> None:
        """An operation as Alembic has it: instant, or of a table that nobody uses."""
        up = self.rendering.plain([operation])
        self.draft(
            told(operation), up, self.rendering.plain([operation.reverse()]), group
        )

    def draft(
        self,
        title: str,
        up: tuple[Text, ...],
        down: tuple[Text, ...],
        group: str = "",
    ) -> None:
        """Statements that are a revision, or a part of one."""
        imports = (one.imports for one in (*up, *down))
        self.drawn.drafts.append(
            Draft(
                title=title,
                up=up,
                down=down,
                group=group,
                imports=frozenset().union(*imports),
            )
        )

    def refuse(self, what: str, why: str, remedy: str) -> None:
        """Nothing is written for this."""
        self.drawn.refused.append(Refusal(what=what, why=why, remedy=remedy))

    def later(self, words: str) -> None:
        """It belongs to another phase."""
        self.drawn.later.append(words)

    def note(self, words: str) -> None:
        """Advice."""
        self.drawn.notes.append(words)


def key_of(operation: Any) -> Key:
    """The table of an operation, with its schema."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.kw.get("source_schema"), operation.source_table
    return operation.schema, operation.table_name


def told(operation: Any) -> str:
    """An operation in a few words."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return f"foreign key of {operation.source_table}"
    if isinstance(operation, ops.AddConstraintOp):
        constraint = operation.to_constraint()
        return f"{constraint.name or 'a constraint'} of {constraint.table.name}"
    words = _WORDS.get(type(operation))
    if words is not None:
        return words.format(operation)
    kind = type(operation).__name__.removesuffix("Op")
    table = getattr(operation, "table_name", None)
    return f"{kind} of {table}" if table else kind


def _reverse(operation: MigrateOperation) -> MigrateOperation | None:
    try:
        return operation.reverse()
    except (NotImplementedError, ValueError):  # Alembic does not know what it was
        return None
