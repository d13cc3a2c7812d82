"""What comes of the difference between models and database, as data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from typing_extensions import override

__all__ = ["NEW", "Draft", "Drawn", "Refusal", "Written", "WrittenRevision"]

NEW: Final = "new"
"""The group of what nobody uses yet: tables, and types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A difference that no revision is written for.

    Attributes:
        what: the difference.
        why: what would go wrong.
        remedy: what to do instead.
    """

    what: str
    why: str
    remedy: str

    def to_dict(self) -> dict[str, str]:
        """JSON-ready."""
        return asdict(self)

    @override
    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A revision that is not written yet.

    Attributes:
        title: what it does, in a few words.
        up: its statements, as Python; none: it does nothing.
        down: those of the way back.
        group: drafts of the same group are one revision; empty: it stays alone.
        imports: lines that the statements need.
    """

    title: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    group: str = ""
    imports: frozenset[str] = frozenset()


@dataclass(slots=True)
class Drawn:
    """All that is to be written, and what is not.

    Attributes:
        drafts: in their order.
        refused: what has to be done by hand, or in another way.
        later: what belongs to another phase.
        notes: advice.
    """

    drafts: list[Draft] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRevision:
    """A revision that has been written."""

    id: str
    file: str
    title: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What has come of it."""

    source: str
    revisions: tuple[WrittenRevision, ...]
    refused: Sequence[Refusal] = ()
    later: Sequence[str] = ()
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "source": self.source,
            "revisions": [asdict(one) for one in self.revisions],
            "refused": [one.to_dict() for one in self.refused],
            "later": list(self.later),
            "notes": list(self.notes),
        }
