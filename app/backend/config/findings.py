"""What is wrong with a set of variables, in a shape that a person can act on."""

from dataclasses import asdict, dataclass
from enum import StrEnum

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters; only errors make the configuration unfit."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend; no part of it ever shows what a secret is.

    Attributes:
        variable: whose value, or absence, it is about.
        rule: the broken rule's name, in kebab case.
        source: where the value was read, or looked for.
    """

    variable: str
    severity: Severity
    rule: str
    message: str
    remedy: str
    source: str

    def to_dict(self) -> dict[str, str]:
        """JSON-ready."""
        return {name: str(value) for name, value in asdict(self).items()}
