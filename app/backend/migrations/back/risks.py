"""The risks of a chain of downgrades, told from their statements. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from app.backend.migrations.back import losses
from app.backend.migrations.back.conditions import Conditions
from app.backend.migrations.back.names import Names
from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.back.risk import Risk
from app.backend.migrations.back.schema import Column, Schema, Table
from app.backend.migrations.back.undoing import Undo, UndoKind, read_undo
from app.backend.migrations.back.upgrade_risks import risks_of_upgrade
from app.backend.migrations.statements import Statement

__all__ = ["risks_of"]

Read = tuple[Statement, tuple[Undo, ...]]


def risks_of(reverses: Iterable[Reverse], schema: Schema) -> tuple[Risk, ...]:
    """What reversing these revisions may lose.

    Names, types and keys are those of ``schema``, whatever the revisions rename on
    their way.

    Args:
        reverses: in the order in which they are reversed.
        schema: as it stands before the first of them.
    """
    names = Names()
    found: list[Risk] = []
    for reverse in reverses:
        if reverse.irreversible:
            found.append(losses.irreversible(reverse))
            continue
        statements = reverse.down.statements if reverse.down else ()
        read = [(one, read_undo(one)) for one in statements]
        undos = [undo for _, several in read for undo in several]
        found += risks_of_upgrade(reverse, undos, schema, names)
        found += _Teller(schema, names, undos).tell(read)
    return tuple(found)


class _Teller:
    """Tells the risks of one downgrade.

    Args:
        schema: before the first of all downgrades.
        names: what is called otherwise by now; follows along.
        undos: all that this downgrade does.
    """

    def __init__(self, schema: Schema, names: Names, undos: Sequence[Undo]) -> None:
        self._schema = schema
        self._names = names
        self._undos = undos
        self._conditions = Conditions(schema, names)
        self._required: set[tuple[str, str]] = set()
        self._proven = {
            (one.table, one.other) for one in undos if one.kind is UndoKind.PROVEN
        }

    def tell(self, read: Iterable[Read]) -> Iterator[Risk]:
        """Each with the statement that it comes from."""
        for statement, several in read:
            for undo in several:
                if undo.kind is UndoKind.UNKNOWN:
                    yield losses.unknown(statement)
                else:
                    yield from self._risks(statement, undo, self._table(undo))
                self._names.follow(undo)

    def _risks(
        self, statement: Statement, undo: Undo, table: Table | None
    ) -> Iterator[Risk]:
        if undo.kind is UndoKind.TABLE_MADE and not self._is_filled(undo):
            yield losses.comes_back_empty(statement, undo, None)
        if table is None:
            return
        match undo.kind:
            case UndoKind.TABLE_DROPPED | UndoKind.TABLE_EMPTIED:
                yield losses.rows_go(statement, table, "its rows go")
            case UndoKind.ROWS_DELETED:
                told = {"where": undo.text, "alias": undo.other}
                yield losses.rows_go(statement, table, "rows are deleted", **told)
            case UndoKind.COLUMN_DROPPED | UndoKind.ROWS_CHANGED | UndoKind.RETYPED:
                yield from self._of_columns(statement, undo, table)
            case UndoKind.COLUMN_MADE if not self._is_filled(undo):
                yield losses.comes_back_empty(statement, undo, table)
            case UndoKind.REQUIRED | UndoKind.UNIQUE | UndoKind.CHECK | UndoKind.KEY:
                if self._is_proven(undo):
                    yield from self._in_the_way(statement, undo, table)
            case _:
                return

    def _of_columns(
        self, statement: Statement, undo: Undo, table: Table
    ) -> Iterator[Risk]:
        conditions = self._conditions
        for column in self._columns(undo, table):
            if column.computed:
                continue
            if undo.kind is UndoKind.COLUMN_DROPPED:
                yield losses.values_go(statement, table, column, conditions)
            elif undo.kind is UndoKind.ROWS_CHANGED:
                yield losses.overwritten(statement, table, column, undo)
            elif condition := conditions.misfit(column, undo.text):
                yield losses.misfits(statement, table, column, undo, condition)

    def _in_the_way(
        self, statement: Statement, undo: Undo, table: Table
    ) -> Iterator[Risk]:
        columns = self._columns(undo, table)
        if len(columns) < len(undo.names):
            if undo.kind is UndoKind.REQUIRED and not self._has_value(undo):
                yield losses.without_value(statement, table, undo)
            return
        found = self._conditions.in_the_way(table, undo, columns)
        if found is not None and not self._is_told(table, undo, columns):
            names = tuple(one.name for one in columns)
            yield losses.in_the_way(statement, table, names, found)

    def _table(self, undo: Undo) -> Table | None:
        name = self._names.table(undo.table)
        return None if name is None else self._schema.tables.get(name)

    def _columns(self, undo: Undo, table: Table) -> Sequence[Column]:
        """Those that were there before the first downgrade."""
        before = (self._names.column(undo.table, name) for name in undo.names)
        return [
            table.columns[one]
            for one in before
            if one is not None and one in table.columns
        ]

    def _is_proven(self, undo: Undo) -> bool:
        name = undo.text if undo.kind is UndoKind.KEY else undo.other
        return not undo.unproven or (undo.table, name) in self._proven

    def _is_told(self, table: Table, undo: Undo, columns: Sequence[Column]) -> bool:
        """A column is required once, by however many steps."""
        if undo.kind is not UndoKind.REQUIRED:
            return False
        place = (table.name, columns[0].name)
        told = place in self._required
        self._required.add(place)
        return told

    def _is_filled(self, undo: Undo) -> bool:
        """Whether the downgrade fills the column, or the table, that it makes."""
        return any(
            one.table == undo.table
            and (
                (one.kind is UndoKind.ROWS_CHANGED and set(undo.names) & {*one.names})
                or (one.kind is UndoKind.ROWS_ADDED and not undo.names)
            )
            for one in self._undos
        )

    def _has_value(self, undo: Undo) -> bool:
        return self._is_filled(undo) or any(
            one.filled and one.table == undo.table and undo.names[0] in one.names
            for one in self._undos
        )
