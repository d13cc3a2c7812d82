"""What the health page of a starting release says of itself. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

__all__ = ["Fault", "faults_of", "hides_faults", "hopeless", "words_of"]

_RELEASE: Final = "release"
_MOST_SAID: Final = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for which a release's startup gate is closed (contract §1).

    Attributes:
        source: the check or the variable that has it.
        kind: ``release``: no waiting helps; ``world``, ``pending``: it may.
    """

    source: str
    kind: str
    message: str
    remedy: str

    @override
    def __str__(self) -> str:
        named = self.message.startswith(self.source)
        told = self.message if named else f"{self.source}: {self.message}"
        return f"{told} ({self.remedy})" if self.remedy else told


def faults_of(body: bytes) -> tuple[Fault, ...]:
    """What holds the gate; nothing where the page is not ours or does not tell."""
    gate = (_page(body) or {}).get("gate")
    if not isinstance(gate, dict) or gate.get("passed") is not False:
        return ()
    found = gate.get("faults")
    if not isinstance(found, list):
        return ()
    return tuple(_fault(one) for one in found if isinstance(one, dict))


def hides_faults(body: bytes) -> bool:
    """Whether it is our page, for somebody who may not see details."""
    page = _page(body)
    return page is not None and "gate" not in page


def hopeless(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Those that hold the gate for good."""
    return tuple(one for one in faults if one.kind == _RELEASE)


def words_of(faults: tuple[Fault, ...]) -> str:
    """The faults in a sentence, those that last first."""
    ordered = sorted(faults, key=lambda one: one.kind != _RELEASE)
    more = len(ordered) - _MOST_SAID
    told = [str(one) for one in ordered[:_MOST_SAID]]
    return "; ".join([*told, f"{more} more"] if more > 0 else told)


def _page(body: bytes) -> Mapping[str, Any] | None:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        return None
    ours = (
        isinstance(page, dict)
        and isinstance(page.get("status"), str)
        and isinstance(page.get("stage"), str)
        and isinstance(page.get("checks"), dict)
    )
    return page if ours else None


def _fault(body: Mapping[str, Any]) -> Fault:
    names = ("source", "kind", "message", "remedy")
    source, kind, message, remedy = (str(body.get(name) or "") for name in names)
    return Fault(source, kind, " ".join(message.split()), " ".join(remedy.split()))
