"""Conditions of the rows that a downgrade may lose, as SQL. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from app.backend.migrations.back.fitting import misfit
from app.backend.migrations.back.names import Names
from app.backend.migrations.back.risk import RiskKind
from app.backend.migrations.back.schema import Column, Schema, Table
from app.backend.migrations.back.undoing import Undo, UndoKind
from app.backend.migrations.operations.naming import text_literal
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.sql.tokens import LexicalError, tokens_of

__all__ = ["Conditions", "alias_of", "constant_default", "identifier"]

# A default that is one value for ever: whoever adds the column again gets it again.
_CONSTANT: Final = re.compile(
    r"""(?: '(?:[^']|'')*' | [-+]?\(?[-+]?\d+(?:\.\d+)?\)? | true | false )
    (?: :: [a-z_"][\w\s."]* (?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))? (?:\[\])* )*""",
    re.IGNORECASE | re.VERBOSE,
)


def identifier(name: str) -> str:
    """A name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def alias_of(table: Table) -> str:
    """What a statement may call the table that it names."""
    return identifier(table.name.rpartition(".")[2])


def constant_default(column: Column) -> str | None:
    """Its default, where that is one value for ever."""
    told = (column.default or "").strip()
    return told if _CONSTANT.fullmatch(told) else None


class Conditions:
    """Of tables and columns as they are named before the first downgrade.

    Args:
        schema: before it.
        names: what is called otherwise by now.
    """

    def __init__(self, schema: Schema, names: Names) -> None:
        self._schema = schema
        self._names = names

    def written(self, column: Column) -> str:
        """Somebody has given it a value; what the default gives comes back by itself.

        Research, migrations §2: a column is at risk by what was written to it.
        """
        default = constant_default(column)
        given = f"{column.sql} IS NOT NULL"
        if default is None or column.type in {"json", "point", "xml"}:  # without =
            return given
        return f"{given} AND {column.sql} IS DISTINCT FROM ({default})"

    def misfit(self, column: Column, type_: str) -> str | None:
        """Its values that a type cannot hold; None: it holds them all."""
        try:
            name = Cursor(tuple(tokens_of(type_))).name()
        except LexicalError:
            name = ""
        labels = self._names.enums.get(name) or self._schema.enums.get(name)
        if column.enum == name and name not in self._names.enums:
            return None
        return misfit(column, type_, labels, self._schema.version)

    def in_use(self, column: Column, label: str) -> str:
        """Rows that have this value of an enum."""
        return f"{column.sql}::text = {text_literal(label)}"

    def in_the_way(
        self, table: Table, undo: Undo, columns: Sequence[Column]
    ) -> tuple[RiskKind, str, str] | None:
        """Rows that a constraint would refuse; None: that cannot be asked."""
        match undo.kind:
            case UndoKind.REQUIRED:
                null = f"{columns[0].sql} IS NULL"
                return RiskKind.NULLS, null, "it must have a value again"
            case UndoKind.UNIQUE:
                twice = _duplicates(table, undo, columns)
                return RiskKind.DUPLICATES, twice, "they must be unique again"
            case UndoKind.CHECK:
                broken = f"NOT ({undo.text})"
                return RiskKind.BROKEN_CHECK, broken, f"{undo.text} must hold again"
            case _:
                orphans = self._orphans(table, undo, columns)
                if orphans is None:
                    return None
                return RiskKind.ORPHANS, orphans, f"they must be in {undo.other} again"

    def _orphans(
        self, table: Table, undo: Undo, columns: Sequence[Column]
    ) -> str | None:
        name = self._names.table(undo.other)
        referred = self._schema.tables.get(name) if name is not None else None
        if referred is None:
            return None
        wanted = undo.others or referred.key
        there = [self._names.column(undo.other, one) for one in wanted]
        known = [
            referred.columns[one]
            for one in there
            if one is not None and one in referred.columns
        ]
        if not known or len(known) != len(columns):
            return None
        same = " AND ".join(
            f"pm33_other.{theirs.sql} = {alias_of(table)}.{ours.sql}"
            for theirs, ours in zip(known, columns, strict=True)
        )
        given = " AND ".join(f"{one.sql} IS NOT NULL" for one in columns)
        other = f"SELECT FROM {referred.sql} AS pm33_other WHERE {same}"
        return f"{given} AND NOT EXISTS ({other})"


def _duplicates(table: Table, undo: Undo, columns: Sequence[Column]) -> str:
    """All but the first row of each value, by the key where there is one."""
    same = ", ".join(one.sql for one in columns)
    # Before 14, a server has no hash of a ctid, and would compare each with each.
    row = table.key_sql or "tableoid, ctid"
    given = " AND ".join(f"{one.sql} IS NOT NULL" for one in columns)
    where = f"{given} AND ({undo.text})" if undo.text else given
    counted = (
        f"SELECT {row}, row_number() OVER"  # noqa: S608 - from the catalogue
        f" (PARTITION BY {same} ORDER BY {row}) AS pm33_nth"
        f" FROM {table.sql} AS {alias_of(table)} WHERE {where}"
    )
    later = f"SELECT {row} FROM ({counted}) AS pm33_all WHERE pm33_nth > 1"  # noqa: S608 - as above
    return f"({row}) IN ({later})"
