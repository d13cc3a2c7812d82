"""What is written about a column, and about a table's constraint. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.backend.migrations.sql.cursor import Cursor, items_of, name_of
from app.backend.migrations.sql.tokens import Token
from app.backend.migrations.sql.types import TypeName, read_type
from app.backend.migrations.sql.volatility import is_volatile

__all__ = [
    "Column",
    "Constraint",
    "begins_constraint",
    "read_column",
    "read_constraint",
]

_SERIALS: Final = frozenset({"serial", "bigserial", "smallserial"})
_NEXT: Final = (
    *("CONSTRAINT", "NOT", "NULL", "DEFAULT", "GENERATED", "UNIQUE", "PRIMARY"),
    *("REFERENCES", "CHECK", "COLLATE", "DEFERRABLE", "INITIALLY", "STORAGE"),
    *("COMPRESSION", "WITH", "USING"),
)


@dataclass(slots=True)
class Column:
    """A column as ADD COLUMN or CREATE TABLE describes it.

    Attributes:
        default: whether it has one that is not NULL.
        volatile: whether that may be another one for each row.
        numbered: whether it is serial or an identity.
        stored: whether it is generated and stored.
        unique: also of a primary key.
        references: the table that it refers to; empty: none.
        checked: whether it has a CHECK.
    """

    name: str
    type: TypeName
    required: bool = False
    default: bool = False
    volatile: bool = False
    numbered: bool = False
    stored: bool = False
    generated: bool = False
    unique: bool = False
    references: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Constraint:
    """A table's constraint.

    Attributes:
        kind: its first word: CHECK, FOREIGN, UNIQUE, PRIMARY, EXCLUDE, NOT; empty: it
            is none of them.
        body: what stands in its first parentheses.
        columns: those of a key; the one of NOT NULL.
        references: the table of a foreign key.
        validates: whether the rows that are there are checked.
        index: the one that USING INDEX names.
    """

    kind: str
    name: str
    body: Sequence[Token]
    columns: tuple[str, ...]
    references: str
    validates: bool
    index: str


def begins_constraint(cursor: Cursor) -> bool:
    """Whether a table's constraint comes next, and no column."""
    return (
        cursor.key in ("CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN")
        or cursor.ahead("EXCLUDE", "USING")
        or cursor.ahead("EXCLUDE", "(")
        or cursor.ahead("NOT", "NULL")
    )


def read_constraint(cursor: Cursor) -> Constraint:
    """Goes past a table's constraint."""
    name = cursor.name() if cursor.take("CONSTRAINT") else ""
    kind = cursor.take_one_of(
        *("CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE", "NOT")
    )
    validates = not (cursor.has("NOT", "VALID") or cursor.has("NOT", "ENFORCED"))
    cursor.take_one_of("KEY", "NULL")
    body: Sequence[Token] = ()
    columns: tuple[str, ...] = ()
    if kind == "NOT":
        columns = (cursor.name(),)
    elif kind == "CHECK":
        body = cursor.inside()
    elif kind in ("UNIQUE", "PRIMARY", "FOREIGN"):
        cursor.until("(", "USING", "REFERENCES")
        body = cursor.inside()
        columns = tuple(name_of(item[0]) for item in items_of(body) if item)
    cursor.until("REFERENCES", "USING")
    references = cursor.name() if cursor.take("REFERENCES") else ""
    index = cursor.name() if cursor.take("USING", "INDEX") else ""
    return Constraint(kind, name, body, columns, references, validates, index)


def read_column(cursor: Cursor) -> Column:
    """Goes past a column: its name, its type, and all that is said of it."""
    column = Column(cursor.name(), read_type(cursor))
    column.numbered = column.type.base in _SERIALS
    while cursor.rest:
        _read_clause(cursor, column)
    return column


def _read_clause(cursor: Cursor, column: Column) -> None:
    match cursor.take_one_of(*_NEXT):
        case "NOT":
            column.required |= cursor.take("NULL")
        case "DEFAULT":
            value = _expression(cursor)
            column.default = [token.key for token in value] != ["NULL"]
            column.volatile |= is_volatile(value)
        case "GENERATED":
            _read_generated(cursor, column)
        case "UNIQUE":
            column.unique = True
        case "PRIMARY":
            cursor.take("KEY")
            column.unique = column.required = True
        case "REFERENCES":
            column.references = cursor.name()
        case "CHECK":
            column.checked = True
        case "":
            cursor.skip()
        case _:
            pass


def _expression(cursor: Cursor) -> Sequence[Token]:
    """A default, which begins with whatever it is, NULL included."""
    first = cursor.rest[:1]
    if cursor.key not in ("(", "["):
        cursor.skip()
        return [*first, *cursor.until(*_NEXT)]
    return cursor.until(*_NEXT)


def _read_generated(cursor: Cursor, column: Column) -> None:
    cursor.until("AS")
    cursor.take("AS")
    if cursor.take("IDENTITY"):
        column.numbered = True
        return
    cursor.inside()
    column.generated = True
    # Neither word: stored up to 17, where it has to be said, and virtual from 18 on.
    column.stored = cursor.take("STORED")
