"""The variables that one source gives, and where in it each one stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Variables"]


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

    def place(self, name: str) -> str:
        """Where a variable stands, or would be looked for."""
        return self.places.get(name, self.source)
