"""The words in which a run says how it has ended."""

from enum import StrEnum

__all__ = ["Ending"]


class Ending(StrEnum):
    """How a run, or this process's part in it, has ended (contract §8)."""

    DONE = "done"
    UNBAKED = "unbaked"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    FAILED = "failed"
    STRANDED = "stranded"
    UNVERIFIED = "unverified"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return _CODES[self]

    @property
    def meaning(self) -> str:
        """One sentence for the reader."""
        return _MEANINGS[self]


_CODES = {
    Ending.DONE: 0,
    Ending.UNBAKED: 0,
    Ending.RESTORED: 0,
    Ending.FAILED: 1,
    Ending.ROLLED_BACK: 1,
    Ending.STRANDED: 3,
    Ending.UNVERIFIED: 3,
    Ending.PAUSED: 6,
    Ending.INTERRUPTED: 130,
    Ending.REFUSED: 5,
    Ending.SUPERSEDED: 75,
    Ending.UNKNOWN: 3,
}
_MEANINGS = {
    Ending.DONE: "the release serves and has been watched",
    Ending.UNBAKED: "the release serves; nobody has watched it, so it is not yet "
    "what a rollback returns to",
    Ending.RESTORED: "rolled back and verified",
    Ending.FAILED: "the release was refused, and has never served",
    Ending.ROLLED_BACK: "the release turned bad; rolled back and verified",
    Ending.STRANDED: "the bad release still serves",
    Ending.UNVERIFIED: "rolled back, but what serves now could not be verified",
    Ending.PAUSED: "undecided: what is bad is bad for everybody, not for this release",
    Ending.INTERRUPTED: "interrupted",
    Ending.REFUSED: "refused before anything was changed",
    Ending.SUPERSEDED: "somebody else has taken over; this run changes nothing more",
    Ending.UNKNOWN: "the platform does not answer; what serves is not known",
}
