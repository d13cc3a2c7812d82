"""What a way back may lose, statement by statement. Pure words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Keep", "Risk", "RiskKind"]


class RiskKind(StrEnum):
    """What may become of rows; research, migrations §2, has the default policy."""

    ROWS_GO = "rows-go"
    VALUES_GO = "values-go"
    VALUES_OVERWRITTEN = "values-overwritten"
    VALUES_DO_NOT_FIT = "values-do-not-fit"
    NULLS = "nulls-in-the-way"
    DUPLICATES = "duplicates-in-the-way"
    ORPHANS = "orphans-in-the-way"
    BROKEN_CHECK = "check-not-met"
    ENUM_VALUE_IN_USE = "enum-value-in-use"
    COMES_BACK_EMPTY = "comes-back-empty"
    NO_INVERSE = "no-inverse"
    CONTRACTED = "contracted"
    CANNOT_BE_TOLD = "cannot-be-told"
    IRREVERSIBLE = "irreversible"


class Keep(StrEnum):
    """How what would be lost is kept.

    ``values``: key and column are copied. ``emptied``: they are, and the column is set
    to NULL. ``rows``: whole rows are copied. ``aside``: they are, and deleted.
    """

    NOTHING = "nothing"
    VALUES = "values"
    EMPTIED = "emptied"
    ROWS = "rows"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One thing that one statement may lose.

    Attributes:
        revision: that would be reversed.
        statement: of its downgrade; empty: it is the upgrade's that has no inverse.
        table: as it is named now; empty: none is concerned.
        source: the table as it stands in a FROM, with its alias.
        condition: of the rows that are concerned; None: they cannot be counted.
        keep: what is done before the statement once the loss has been accepted.
        silent: the statement would succeed, rather than refuse these rows.
        in_step: the statement is a safe operation's, in a transaction of its own.
        hopeless: why the loss cannot be accepted; empty: it can.
    """

    revision: str
    file: str
    line: int
    kind: RiskKind
    why: str
    statement: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    source: str = ""
    condition: str | None = None
    keep: Keep = Keep.NOTHING
    silent: bool = False
    in_step: bool = False
    hopeless: str = ""

    @property
    def count(self) -> str | None:
        """The query of how many rows are concerned."""
        if self.condition is None:
            return None
        return f"SELECT count(*) FROM {self.source} WHERE {self.condition}"  # noqa: S608 - built from the catalogue

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "revision": self.revision,
            "file": self.file,
            "line": self.line,
            "kind": self.kind.value,
            "table": self.table or None,
            "columns": list(self.columns),
            "statement": self.statement or None,
            "why": self.why,
            "acceptable": not self.hopeless,
            "hopeless": self.hopeless or None,
        }
