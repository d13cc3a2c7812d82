"""The two journals as one: the file first, the rows when they are there."""

import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.backend.deploy.records.journal import RUNS, Event, Journal, merge
from app.backend.deploy.records.journal_file import FileJournal
from app.backend.deploy.records.run_state import RunState, runs_of
from app.errors import JournalError

__all__ = ["Journals", "Reconciled"]

RETRY = 30.0
"""Seconds after which a side that failed is tried again; each attempt may take 5 s."""

_LOG = logging.getLogger("pm33.journal")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many events each side lacked."""

    to_file: int
    to_rows: int


class Journals:
    """What a run writes to, and where runs are read from.

    Attributes:
        degraded: why the rows are not used; None while they are, or where there are
            none. What they lack is brought along when they can be used again.
    """

    def __init__(
        self,
        file: FileJournal,
        rows: Journal | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._rows = rows
        self._clock = clock
        self._failed_at = 0.0
        self._fileless_since: float | None = None
        self._owed: set[str] = set()
        self._told: set[str] = set()
        self.degraded: JournalError | None = None

    @property
    def damaged(self) -> tuple[int, ...]:
        """The lines of the file that could not be read the last time."""
        return self._file.damaged

    async def append(self, *events: Event) -> None:
        """Keeps events of one run: in the file, and in the rows if that is possible.

        Raises:
            JournalError: neither side keeps them.
            LeaseLostError: the rows say that somebody else has taken over.
        """
        rows = self._rows
        resting = self._file_rests and self.degraded is None
        if rows is not None and resting and await self._try_rows(rows, events):
            return
        try:
            await self._file.append(*events)
        except JournalError as error:
            if self._rows is None or not await self._try_rows(self._rows, events):
                raise
            self._say_fileless(error)
            return
        if self._rows is None:
            return
        if self.degraded is None:
            await self._try_rows(self._rows, events)
            return
        self._owed |= {event.run for event in events}
        if self._clock() - self._failed_at >= RETRY:
            self.degraded = None
            try:
                await self._level(self._rows, frozenset(self._owed))
            except JournalError as error:  # the event itself is in the file already
                self._say_fileless(error)

    async def events(
        self, run: str | None = None, *, runs: int = RUNS
    ) -> tuple[Event, ...]:
        """The events of a run, or of the newest ones at least, wherever they are.

        Raises:
            JournalError: the file cannot be read, and the rows cannot either.
        """
        rows = await self._row_events(run, runs)
        try:
            file = await self._file.events(run)
        except JournalError as error:
            if self._rows is None or self.degraded is not None:
                raise
            self._say_fileless(error)
            file = ()
        return merge(file, rows)

    async def runs(self, limit: int = 20) -> tuple[RunState, ...]:
        """The newest runs first. Raises JournalError as :meth:`events` does."""
        return runs_of(await self.events(runs=max(limit, RUNS)))[:limit]

    async def state(self, run: str) -> RunState | None:
        """One run; None when nobody knows it. Raises as :meth:`events` does."""
        events = await self.events(run)
        return RunState.of(events) if events else None

    async def reconcile(self) -> Reconciled:
        """Gives each side what only the other one has, and uses the rows again.

        It is about the newest runs of each side, and those that this process has
        written while the rows were away; what is older was seen to in its time.

        Raises:
            JournalError: the file cannot be read or written. Rows that cannot be used
                stay so.
            LeaseLostError: the rows say that somebody else has taken over.
        """
        if self._rows is None:
            return Reconciled(0, 0)
        self.degraded = None
        rows = await self._row_events(None)
        if self.degraded is not None:
            return Reconciled(0, 0)
        file = await self._file.events()
        newest = [*dict.fromkeys(event.run for event in file)][-RUNS:]
        return await self._level(self._rows, {*newest, *self._owed}, rows)

    async def _level(
        self, rows: Journal, runs: AbstractSet[str], known: tuple[Event, ...] = ()
    ) -> Reconciled:
        """Of these runs, and of those whose events in the rows are known."""
        listed = {event.run for event in known}
        for run in runs - listed:
            known += await self._row_events(run)
        if self.degraded is not None:
            return Reconciled(0, 0)
        file = [one for one in await self._file.events() if one.run in runs | listed]
        in_file = {event.key for event in file}
        in_rows = {event.key for event in known}
        to_file = [event for event in known if event.key not in in_file]
        to_rows = [event for event in file if event.key not in in_rows]
        await self._file.append(*to_file)
        if not await self._try_rows(rows, tuple(to_rows)):
            return Reconciled(len(to_file), 0)
        self._owed.clear()
        return Reconciled(len(to_file), len(to_rows))

    async def _row_events(self, run: str | None, runs: int = RUNS) -> tuple[Event, ...]:
        if self._rows is None or self.degraded is not None:
            return ()
        try:
            return await self._rows.events(run, runs=runs)
        except JournalError as error:
            self._give_up(error)
            return ()

    async def _try_rows(self, rows: Journal, events: tuple[Event, ...]) -> bool:
        try:
            await rows.append(*events)
        except JournalError as error:
            self._owed |= {event.run for event in events}
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: JournalError) -> None:
        self.degraded = error
        self._failed_at = self._clock()
        self._tell_once(logging.WARNING, "its file", error)

    @property
    def _file_rests(self) -> bool:
        """A file that somebody keeps locked is not waited for with every event."""
        since = self._fileless_since
        return since is not None and self._clock() - since < RETRY

    def _say_fileless(self, error: JournalError) -> None:
        self._fileless_since = self._clock()
        self._tell_once(logging.ERROR, "the state database", error)

    def _tell_once(self, level: int, place: str, error: JournalError) -> None:
        if place not in self._told:
            self._told.add(place)
            told = "the journal goes on in %s alone: %s"
            _LOG.log(level, told, place, error, extra={"remedy": error.remedy})
