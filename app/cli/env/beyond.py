"""What variables are judged by beyond the rules: reading them, and asking services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.backend.config.catalogue import Entry
from app.backend.config.environment import Environment
from app.backend.config.findings import Severity
from app.backend.config.rules.databases import URLS
from app.backend.config.rules.model import EVERYWHERE
from app.backend.config.validation import UNUSABLE_VALUE
from app.backend.health.checks.vendors import VENDORS

__all__ = ["BEYOND", "Judgement", "beyond"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What `env explain` says of a finding that no rule makes; as of a rule's."""

    name: str
    severity: Mapping[Environment, Severity]
    reason: str
    remedy: str


_WARNED: Final = dict.fromkeys(EVERYWHERE, Severity.WARNING)
_UNUSABLE: Final = Judgement(
    name=UNUSABLE_VALUE,
    severity=EVERYWHERE,
    reason="the settings cannot read such a value",
    remedy="write it as said above",
)
_MISMATCH: Final = Judgement(
    name="environment-mismatch",
    severity=_WARNED,
    reason="a service that is given these variables takes itself for another"
    " environment than the one they were judged for",
    remedy="set ENVIRONMENT to the one that is meant, or ask for the other",
)
_DECLARED: Final = Judgement(
    name="declared-check",
    severity=EVERYWHERE,
    reason="the check would be refused at the start, and the startup gate stay closed",
    remedy="correct the line that is named; docs/extending.md shows each type",
)
_OVER_BUDGET: Final = Judgement(
    name="check-budget",
    severity=EVERYWHERE,
    reason="the check would be refused at the start, and the startup gate stay closed",
    remedy="set a longer period, or what the vendor may be asked; 0 sets no limit",
)
_UNHEARD: Final = Judgement(
    name="heartbeat-token",
    severity=_WARNED,
    reason="without it nothing takes a beat, and each declared heartbeat is missed",
    remedy="set it to a random value, for the service and for its jobs",
)
_ASKED: Final = (
    Judgement(
        name="service-refused",
        severity=EVERYWHERE,
        reason="the service was asked, and does not take this value",
        remedy="do what its message says",
    ),
    Judgement(
        name="service-troubled",
        severity=_WARNED,
        reason="the service was asked, and has a trouble of its own, or no quota left",
        remedy="do what its message says, or wait",
    ),
    Judgement(
        name="service-unreachable",
        severity=_WARNED,
        reason="the service did not answer from here; with --connect that is an error",
        remedy="see whether the address is right, and this machine may reach it",
    ),
    Judgement(
        name="private-network",
        severity=dict.fromkeys(EVERYWHERE, Severity.INFO),
        reason="Railway's private network ends before here; with --connect that is an"
        " error",
        remedy="ask from Railway, in `railway ssh`",
    ),
)
BEYOND: Final = (_UNUSABLE, _MISMATCH, _DECLARED, _OVER_BUDGET, _UNHEARD, *_ASKED)
"""All of them."""

_NAMING: Final = frozenset({"ENVIRONMENT", "RAILWAY_ENVIRONMENT_NAME"})
_COUNTED: Final = ("_PERIOD", "_BUDGET")
_PROVEN: Final = frozenset(
    (*URLS, "REDIS_URL", *(name for one in VENDORS for name in one.variables))
)


def beyond(entry: Entry) -> Iterator[Judgement]:
    """Those that may speak of that variable."""
    # Any text can be read; but a secret may be a file that cannot.
    if entry.kind != "text" or entry.secret:
        yield _UNUSABLE
    if entry.name in _NAMING:
        yield _MISMATCH
    if entry.name == "HEALTH_CHECKS_FILE":
        yield _DECLARED
    if entry.name == "PM33_HEARTBEAT_TOKEN":
        yield _UNHEARD
    if entry.name.startswith("HEALTH_") and entry.name.endswith(_COUNTED):
        yield _OVER_BUDGET
    if entry.name in _PROVEN:
        yield from _ASKED
