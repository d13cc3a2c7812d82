"""What a platform itself has to say before a deploy. Pure data."""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["SEVERITIES", "Concern"]

Severity = Literal["info", "warning", "error"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that only the platform can know; it stands in the plan as a finding.

    Attributes:
        code: short and stable, as ``requests_will_be_lost``.
        severity: an ``error`` refuses the deploy.
        text: one sentence; names of variables at most, never a value.
        remedy: what the reader can do about it.
    """

    code: str
    severity: Severity
    text: str
    remedy: str = ""
