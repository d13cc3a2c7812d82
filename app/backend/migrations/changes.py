"""What a statement does to the schema and to rows, whoever has told it. Pure words."""

from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

__all__ = ["Change", "ChangeKind", "Work"]


class Work(StrEnum):
    """What a statement does to a table while it holds its lock, the least first.

    ``rows`` changes some or all rows; ``build`` reads a table and writes an index;
    ``rewrite`` writes the table and all its indexes again.
    """

    NONE = "none"
    ROWS = "rows"
    SCAN = "scan"
    BUILD = "build"
    REWRITE = "rewrite"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Higher takes longer."""
        return tuple(Work).index(self)


class ChangeKind(StrEnum):
    """One kind of change; ``reversibility.py`` says what each is worth."""

    TABLE_CREATED = "table created"
    TABLE_DROPPED = "table dropped"
    TABLE_RENAMED = "table renamed"
    TABLE_EMPTIED = "table emptied"
    COLUMN_ADDED = "column added"
    COLUMN_DROPPED = "column dropped"
    COLUMN_RENAMED = "column renamed"
    COLUMN_RETYPED = "column retyped"
    REQUIRED = "column made required"
    NO_LONGER_REQUIRED = "column no longer required"
    DEFAULT_CHANGED = "default changed"
    CONSTRAINT_ADDED = "constraint added"
    CONSTRAINT_VALIDATED = "constraint validated"
    CONSTRAINT_DROPPED = "constraint dropped"
    INDEX_CREATED = "index created"
    INDEX_DROPPED = "index dropped"
    UNIQUE_INDEX_DROPPED = "unique index dropped"
    ENUM_VALUE_ADDED = "enum value added"
    ROWS_INSERTED = "rows inserted"
    ROWS_CHANGED = "rows changed"
    ROWS_DELETED = "rows deleted"
    ROWS_FILLED = "rows filled in batches"
    OTHER = "something else"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        table: with its schema unless that is ``public``, unquoted; may be empty.
        name: of the column, constraint or index.
        detail: of a type, ``old -> new``, the old one empty when not known; of a column
            that was added, ``required`` when rows must give it a value; of a
            constraint, what kind it is.
    """

    kind: ChangeKind
    table: str = ""
    name: str = ""
    detail: str = ""

    @override
    def __str__(self) -> str:
        where = ".".join(part for part in (self.table, self.name) if part)
        return f"{self.kind}: {where}" if where else str(self.kind)
