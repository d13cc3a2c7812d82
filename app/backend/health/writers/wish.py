"""What a reader asked for, beside the format."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Wish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a report is wanted; a writer that has no use for something ignores it.

    Attributes:
        details: whether the reader may see messages, remedies and data.
        why: whether to say which checks decided.
        verbose: whether to list the checks where a short answer would do.
        exclude: names of checks to leave out, as they were asked for.
        path: the endpoint, or what the report is of.
        root: what the paths stand below, for links.
        now: when it is read; None: when the snapshot was taken.
    """

    details: bool = False
    why: bool = False
    verbose: bool = False
    exclude: tuple[str, ...] = ()
    path: str = "/api/health"
    root: str = ""
    now: datetime | None = None

    @property
    def subject(self) -> str:
        """The path's last word: ``health``, ``ready``, or a check's name."""
        return self.path.rpartition("/")[2]
