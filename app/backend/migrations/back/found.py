"""What was found before a way back began: which revisions, and what is at risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.back.risk import Risk
from app.backend.migrations.running.masking import masked

__all__ = ["AtRisk", "WayDown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRisk:
    """A risk that is one on the live data.

    Attributes:
        rows: that are concerned; None: they could not be counted.
        uncounted: why not; empty where there is nothing to count.
    """

    risk: Risk
    rows: int | None
    uncounted: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        body = self.risk.to_dict()
        return {**body, "rows": self.rows, "uncounted": self.uncounted or None}

    @property
    def line(self) -> str:
        """One line for people."""
        risk = self.risk
        columns = ", ".join(risk.columns)
        where = f"{risk.table}.{columns}" if columns else risk.table
        because = f" ({self.uncounted})" if self.uncounted else ""
        rows = f"{self.rows} rows"
        if self.rows is None:
            rows = f"rows not counted{because}"
        count = f"{where}: {rows}: " if where else ""
        said = " ".join(masked(risk.statement).split())[:80]
        by = f" [{said}]" if said else ""
        end = f"; {risk.hopeless}" if risk.hopeless else ""
        return f"{risk.revision}: {count}{risk.why}{by}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayDown:
    """The revisions to be reversed, in that order, and what is at risk.

    Attributes:
        to: as it was asked for.
        goal: the same as an id, where it is one.
        source: whose revisions these are.
        applied: their version rows when it was asked.
        fingerprint: of the schema then.
    """

    to: str
    goal: str
    source: str
    applied: tuple[str, ...]
    fingerprint: str
    reverses: tuple[Reverse, ...]
    at_risk: tuple[AtRisk, ...]

    @property
    def hopeless(self) -> tuple[AtRisk, ...]:
        """What cannot be accepted."""
        return tuple(one for one in self.at_risk if one.risk.hopeless)

    @property
    def rows(self) -> int:
        """At risk in all, as far as they were counted; a row may count twice."""
        return sum(one.rows or 0 for one in self.at_risk)

    @property
    def columns(self) -> int:
        """With values at risk."""
        return len(
            {
                (one.risk.table, column)
                for one in self.at_risk
                for column in one.risk.columns
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "to": self.to,
            "source": self.source,
            "applied": list(self.applied),
            "fingerprint": self.fingerprint,
            "revisions": [
                {
                    "id": one.id,
                    "file": one.file,
                    "message": one.message,
                    "irreversible": one.irreversible or None,
                    "statements": [each.sql for each in _statements(one)],
                }
                for one in self.reverses
            ],
            "rows": self.rows,
            "columns": self.columns,
            "at_risk": [one.to_dict() for one in self.at_risk],
        }


def _statements(reverse: Reverse) -> Sequence[Any]:
    return reverse.down.statements if reverse.down else ()
