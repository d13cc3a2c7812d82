"""What a thing is called before a chain of statements that rename and make things."""

from app.backend.migrations.back.undoing import Undo, UndoKind

__all__ = ["Names"]


class Names:
    """Follows renames from the first statement on.

    What the statements themselves have made was not there before, and has no rows.
    """

    def __init__(self) -> None:
        self._tables: dict[str, str | None] = {}
        self._columns: dict[tuple[str, str], str | None] = {}
        self.enums: dict[str, tuple[str, ...] | None] = {}

    def table(self, name: str) -> str | None:
        """Its name before; None: it was not there."""
        return self._tables.get(name, name)

    def column(self, table: str, name: str) -> str | None:
        """Its name before; None: it was not there."""
        return self._columns.get((table, name), name)

    def follow(self, undo: Undo) -> None:
        """Takes note of what a statement has done."""
        match undo.kind:
            case UndoKind.TABLE_MADE:
                self._tables[undo.table] = None
            case UndoKind.TABLE_RENAMED:
                self._tables[undo.other] = self.table(undo.table)
                self._move_columns(undo.table, undo.other)
            case UndoKind.COLUMN_MADE:
                self._columns[undo.table, undo.names[0]] = None
            case UndoKind.COLUMN_RENAMED:
                before = self.column(undo.table, undo.names[0])
                self._columns[undo.table, undo.other] = before
            case UndoKind.ENUM_MADE:
                self.enums[undo.table] = undo.names
            case UndoKind.ENUM_RENAMED:
                self.enums.setdefault(undo.table, None)
            case _:
                pass

    def _move_columns(self, old: str, new: str) -> None:
        moved = {
            (new, column): before
            for (table, column), before in self._columns.items()
            if table == old
        }
        self._columns |= moved
