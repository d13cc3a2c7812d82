"""What a run has done, as events that are only ever added.

Two journals hold the same events, a file and rows (``docs/decisions/0008``). An event
is named by its key, so that writing it twice is writing it once, and joining two
journals is the union of their events.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from app.backend.database.storable import storable, storable_text

__all__ = ["FORMAT", "RUNS", "Event", "EventKind", "Journal", "Key", "merge", "parsed"]

FORMAT = 1
"""The version of an event's form; a later one is read as far as it is understood."""

RUNS = 50
"""How many of the newest runs are read where no run is named."""

Key = tuple[str, str, int, int, str, datetime]


class EventKind(StrEnum):
    """What an event says of its step; the order is the one in which they come.

    ``INTENT`` is written before the platform is asked, ``CALL`` once it has answered
    and its ids are known, ``OUTCOME`` when the step has ended. ``BEGIN`` and ``END``
    are the run's own. A ``NOTE`` changes nothing, and a step may have many.
    """

    BEGIN = "begin"
    INTENT = "intent"
    CALL = "call"
    NOTE = "note"
    OUTCOME = "outcome"
    END = "end"


_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal.

    What is read from ``data`` is said by :class:`.run_state.RunState`; everything
    else in it is for people.

    Attributes:
        run: the run's id.
        step: the step's name; the run's own events have one as well, ``run`` say.
        attempt: counts from 1 when a step is repeated.
        epoch: of the lease under which it was written.
        at: with its time zone; kept in UTC.
        data: JSON-ready; what JSON or PostgreSQL cannot hold is replaced.
    """

    run: str
    step: str
    attempt: int
    epoch: int
    kind: EventKind
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", self.at.astimezone(UTC))
        object.__setattr__(self, "data", storable(self.data))
        for name in ("run", "step"):
            object.__setattr__(self, name, storable_text(getattr(self, name)))

    @property
    def key(self) -> Key:
        """Names the event in every journal."""
        kind = str(self.kind)
        return self.run, self.step, self.attempt, self.epoch, kind, self.at

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts events of one environment: a later holder's come after all of ours."""
        at = (self.at, _RANKS[self.kind])
        return self.epoch, *at, self.run, self.step, self.attempt, self.canonical

    @property
    def canonical(self) -> str:
        """The data as text that depends on nothing but the data."""
        return json.dumps(self.data, sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "format": FORMAT,
            "run": self.run,
            "step": self.step,
            "attempt": self.attempt,
            "epoch": self.epoch,
            "kind": str(self.kind),
            "at": self.at.isoformat(),
            "data": self.data,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "Event":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            KeyError, TypeError, ValueError: it is none, or of a kind that is not known.
        """
        at = datetime.fromisoformat(body["at"])
        if at.tzinfo is None:
            raise ValueError("an event's time has no time zone")
        return cls(
            run=str(body["run"]),
            step=str(body["step"]),
            attempt=int(body["attempt"]),
            epoch=int(body["epoch"]),
            kind=EventKind(body["kind"]),
            at=at,
            data=dict(body["data"]),
        )


def parsed(line: bytes) -> Event | None:
    """An event from a line of a file; None when it cannot be understood as one."""
    try:
        return Event.from_dict(json.loads(line))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None


class Journal(Protocol):
    """Where events of one environment are kept.

    Raises (every method):
        JournalError: it cannot be read or written.
    """

    async def append(self, *events: Event) -> None:
        """Keeps events for good before it returns; one that is there stays as it is.

        Raises:
            LeaseLostError: they are fenced, and somebody else has taken over.
        """
        ...

    async def events(
        self, run: str | None = None, *, runs: int = RUNS
    ) -> tuple[Event, ...]:
        """The events of a run, or of the newest ones at least, in their order."""
        ...


def merge(*journals: Iterable[Event]) -> tuple[Event, ...]:
    """Joins journals: the union by key, in order. Pure.

    It does not matter in which order they come, how often, or how they are grouped.
    Where two hold different data under one key, which no honest writer does, one of
    them is chosen by the data alone.
    """
    union: dict[Key, Event] = {}
    for journal in journals:
        for event in journal:
            other = union.get(event.key)
            if other is None or other.canonical < event.canonical:
                union[event.key] = event
    return tuple(sorted(union.values(), key=lambda event: event.order))
