"""What is read of one statement. Pure."""

from dataclasses import dataclass

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.statements import Lock

__all__ = ["Locks", "Reading", "names", "nothing", "other", "unknown"]

Locks = tuple[tuple[str, Lock], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text says.

    Attributes:
        verb: its first word, in capitals.
        locks: each table with its mode, the one that matters first. Where an index is
            dropped, it is the index that is named: its table is not in the text.
        concurrently: it runs outside of a transaction and waits for the others.
    """

    verb: str = ""
    locks: Locks = ()
    work: Work = Work.NONE
    changes: tuple[Change, ...] = ()
    concurrently: bool = False


def other(verb: str, _cursor: Cursor) -> Reading:
    """It changes something that holds no rows, and locks no table."""
    return Reading(verb=verb, changes=(Change(kind=ChangeKind.OTHER),))


def unknown(verb: str, _cursor: Cursor) -> Reading:
    """It may do anything."""
    change = Change(kind=ChangeKind.UNKNOWN)
    return Reading(verb=verb, work=Work.UNKNOWN, changes=(change,))


def nothing(verb: str, _cursor: Cursor) -> Reading:
    """It changes nothing."""
    return Reading(verb=verb)


def names(cursor: Cursor) -> tuple[str, ...]:
    """Goes past a list of names."""
    cursor.take("ONLY")
    found = [cursor.name()]
    while cursor.take(","):
        cursor.take("ONLY")
        found.append(cursor.name())
    return tuple(name for name in found if name)
