"""What is wrong with a statement of a migration, in a shape a person can act on."""

from dataclasses import dataclass
from enum import StrEnum

from app.backend.migrations.statements import Lock

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters: the first two mean unsafe under traffic."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend.

    Attributes:
        file: the revision's, or the SQL file, as it is shown.
        line: of the call or the statement in it, from 1; 0: the file as a whole.
        rule: the broken rule's name, in kebab case.
        statement: the SQL it is about, on one line; empty where it is about the file.
        lock: the strongest one on a table that others use; None: it is not known.
        why: what goes wrong under traffic, in one sentence.
        safe: the way that blocks nobody, in one sentence.
    """

    file: str
    line: int
    rule: str
    severity: Severity
    statement: str
    lock: Lock | None
    why: str
    safe: str

    def to_dict(self) -> dict[str, str | int | None]:
        """JSON-ready, with the keys in the order in which they are published."""
        return {
            "file": self.file,
            "line": self.line,
            "rule": self.rule,
            "severity": str(self.severity),
            "statement": self.statement,
            "lock": None if self.lock is None else str(self.lock),
            "why": self.why,
            "safe": self.safe,
        }
