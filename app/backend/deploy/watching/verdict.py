"""The words in which a watch and a gate say what they have come to."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Decision", "Rule", "Verdict", "counted"]


class Verdict(StrEnum):
    """``inconclusive`` never rolls anything back."""

    OK = "ok"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Rule(StrEnum):
    """What has decided.

    ``SUPERSEDED``: another deployment serves, or the platform has ended this one; there
    is nothing left to watch, and nothing is known to be bad.
    """

    PLATFORM = "platform"
    SUPERSEDED = "superseded"
    IDENTITY = "identity"
    RESTARTS = "restarts"
    CONSECUTIVE = "consecutive"
    REPLICA = "replica"
    SHARE = "share"
    TRAFFIC = "traffic"
    TIME = "time"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and why; ``reason`` has no secrets."""

    verdict: Verdict
    rule: Rule
    reason: str


def counted(number: int, noun: str) -> str:
    """So many of something: ``1 round``, ``2 rounds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
