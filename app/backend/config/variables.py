"""The variables that one source gives, and where in it each one stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["PROCESS", "Variables", "may_be_shown"]

PROCESS: Final = "the process environment"
"""The source whose variables a process has itself been given."""

_NAME: Final = re.compile(r"(?=.{1,64}\Z)(?:[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*)")
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Names and values of one source.

    Attributes:
        values: all there are, as in a process environment; never shown.
        source: where they come from, in words.
        places: where a variable stands, more exactly than the source tells.
        sealed: names that are set, and whose values nobody may read.
    """

    values: Mapping[str, str] = field(repr=False)
    source: str
    places: Mapping[str, str] = field(default_factory=dict)
    sealed: frozenset[str] = frozenset()

    @property
    def are_own(self) -> bool:
        """Whether the files that they name have to be on this machine."""
        return self.source == PROCESS

    def place(self, name: str) -> str:
        """Where a variable stands, or would be looked for."""
        return self.places.get(name, self.source)


def may_be_shown(name: str) -> bool:
    """Whether it is surely a name, and not a value that stands in its place.

    Names are written in one case and with few digits; a line of a pasted key, which
    ends with an equals sign as names do, mixes both.
    """
    return bool(_NAME.fullmatch(name)) and sum(map(str.isdigit, name)) <= _DIGITS
