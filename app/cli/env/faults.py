"""What is wrong with a source of variables, and where in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from app.errors import UnreadableSourceError

__all__ = ["Spot", "spot_of", "unreadable"]

_PLACE: Final = re.compile(r"(?P<file>.+), line (?P<line>\d+)", re.DOTALL)
_MOST_FAULTS: Final = 20


@dataclass(frozen=True, slots=True)
class Spot:
    """One line of a file; line 0 is the file as a whole."""

    file: str
    line: int

    @override
    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


def spot_of(place: str) -> Spot | None:
    """File and line of a place; None where it is no line of a file."""
    found = _PLACE.fullmatch(place)
    return None if found is None else Spot(found["file"], int(found["line"]))


def unreadable(faults: Sequence[tuple[Spot, str, str]]) -> UnreadableSourceError:
    """One error for all faults, each with its place, words and remedy."""
    spots = [(spot, f"{message}: {remedy}") for spot, message, remedy in faults]
    if len(faults) == 1:
        [(spot, message, remedy)] = faults
        return UnreadableSourceError(f"{spot} {message}", remedy=remedy, spots=spots)
    lines = [f"{spot} {told}" for spot, told in spots[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        lines.append(f"and {len(faults) - _MOST_FAULTS} more")
    remedy = "correct them; nothing else has been looked at"
    return UnreadableSourceError("\n".join(lines), remedy=remedy, spots=spots)
