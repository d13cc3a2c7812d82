"""One labelled case."""

from dataclasses import dataclass

__all__ = ["Case", "in_one"]


@dataclass(frozen=True, slots=True)
class Case:
    """A file of plain SQL and whether it is unsafe under traffic.

    Attributes:
        row: of the catalogue.
        name: unique.
        sql: the file's content.
        rule: that has to be found; empty: it is safe, and nothing but advice may be.
    """

    row: int
    name: str
    sql: str
    rule: str = ""

    @property
    def unsafe(self) -> bool:
        """Its label."""
        return bool(self.rule)


def in_one(*statements: str) -> str:
    """Statements in one transaction."""
    return "\n".join(["BEGIN;", *(f"{one};" for one in statements), "COMMIT;"])
