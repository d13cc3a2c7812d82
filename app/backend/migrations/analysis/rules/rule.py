"""What a rule is."""

from dataclasses import dataclass

from app.backend.migrations.analysis.findings import Severity

__all__ = ["Rule", "advice", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a statement may do to others.

    Attributes:
        name: in kebab case.
        rows: of the catalogue of unsafe operations that it stands for.
        why: what goes wrong; ``{table}`` and ``{other}`` are names.
        safe: the way that blocks nobody, with the same names.
        contract: whether that is what a contract revision is for.
    """

    name: str
    severity: Severity
    rows: tuple[int, ...]
    why: str
    safe: str
    contract: bool = False


def error(name: str, *rows: int, why: str, safe: str, contract: bool = False) -> Rule:
    """It blocks for as long as the table is large, breaks what runs, or loses data."""
    return Rule(name, Severity.ERROR, rows, why, safe, contract)


def warning(name: str, *rows: int, why: str, safe: str, contract: bool = False) -> Rule:
    """It is brief, and under traffic more than it looks like."""
    return Rule(name, Severity.WARNING, rows, why, safe, contract)


def advice(name: str, *rows: int, why: str, safe: str) -> Rule:
    """It is safe under traffic, and still worth knowing."""
    return Rule(name, Severity.INFO, rows, why, safe)
