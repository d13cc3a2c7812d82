"""How what somebody has called a thing is found among the things there are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from app.errors import TargetError

__all__ = ["Named", "the_one"]


@dataclass(frozen=True, slots=True)
class Named:
    """A project, environment or service."""

    id: str
    name: str

    @override
    def __str__(self) -> str:
        return self.name

    def is_called(self, text: str) -> bool:
        """By its name in any case, or by its id."""
        return text.casefold() in {self.name.casefold(), self.id.casefold()}


def the_one(choices: Sequence[Named], wanted: str, what: str, variable: str) -> Named:
    """The one whose name it is exactly, else in any case, else whose id it is.

    Args:
        choices: all there are.
        wanted: name or id.
        what: of which kind they are, in words.
        variable: that names one, for the remedy.

    Raises:
        TargetError: none is, or more than one; they are named.
    """
    lowered = wanted.casefold()
    for found in (
        [one for one in choices if one.name == wanted],
        [one for one in choices if one.name.casefold() == lowered],
        [one for one in choices if one.id.casefold() == lowered],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(sorted(one.id for one in found))
            raise TargetError(
                f"more than one {what} is called {wanted!r}: {ids}",
                remedy=f"set {variable} to the id of the one that is meant",
            )
    there = ", ".join(sorted({str(one) for one in choices})) or "none"
    raise TargetError(
        f"there is no {what} called {wanted!r}; there are: {there}",
        remedy=f"set {variable} to one of them, by name or id",
    )
