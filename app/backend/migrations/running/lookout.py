"""Looks on while a statement runs: who blocks it, and whether it should end."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from app.backend.database.connection import ReservedConnection
from app.backend.migrations.running.blockers import (
    Blocker,
    blockers_of,
    end_blocker,
    still_there,
)
from app.backend.migrations.running.connecting import SIDE_ERRORS
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign

__all__ = ["Lookout"]

_FIRST = 0.6
_EVERY = 0.5
_ANSWER = 15.0
"""Seconds that the connection beside may take for an answer."""
_ROUNDS = 6
"""How often it is asked until the database counts as gone."""

Seen = Callable[[tuple[Blocker, ...]], None]
Say = Callable[[str], None]


class Lookout:
    """One for a run; begun and ended with every statement that takes a lock.

    Args:
        side: the connection to look from.
        pid: of the backend that runs the statements.
        options: whether queries are shown, when blockers are ended, and when the
            database counts as gone.
        stop: an urgent one cancels the statement.
        lost: called when that backend or the database is gone, so that nobody waits
            for its answer.
        say: is told whom we have ended, or may not end.
    """

    def __init__(
        self,
        side: ReservedConnection,
        pid: int,
        *,
        options: RunOptions,
        stop: StopSign,
        lost: Callable[[], None],
        say: Say,
    ) -> None:
        self._side = side
        self._pid = pid
        self._options = options
        self._stop = stop
        self._lost = lost
        self._say = say
        self._refused: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._asking = asyncio.Lock()
        self._seen: tuple[Blocker, ...] = ()

    @property
    def seen(self) -> tuple[Blocker, ...]:
        """Who was in the way when it was looked last."""
        return self._seen

    def begin(self, lock_timeout: float, seen: Seen) -> None:
        """Looks shortly before a try is over, then twice a second.

        Args:
            lock_timeout: seconds of the statement that is about to be sent.
            seen: called when somebody has been in the way for that long already.
        """
        self._seen = ()
        first = min(lock_timeout * _FIRST, _EVERY)
        self._task = asyncio.create_task(self._look_on(first, seen), name="lookout")

    async def end(self) -> tuple[Blocker, ...]:
        """Stops looking; returns who was in the way at last."""
        task, self._task = self._task, None
        if task is not None:
            # Not amid a question: its connection could not be used again.
            async with self._asking:
                task.cancel()
            await asyncio.wait([task])
        return self._seen

    async def still(self, blockers: tuple[Blocker, ...]) -> bool:
        """Whether to wait for one that is at it still, instead of trying in vain.

        Not for one that the next try may end; nor when it cannot be told.
        """
        limit = self._options.cancel_blockers_after
        with suppress(*SIDE_ERRORS):
            return await still_there(
                self._side, blockers, younger_than=math.inf if limit is None else limit
            )
        return False

    @asynccontextmanager
    async def on_duty(self) -> AsyncIterator[None]:
        """As long as this lasts, it is seen whether the database answers at all.

        A host that is gone without a word answers neither connection, and may go
        between two statements, or during a COMMIT.
        """
        task = asyncio.create_task(self._stand_by(), name="stand-by")
        try:
            yield
        finally:
            async with self._asking:  # as in end()
                task.cancel()
            await asyncio.wait([task])

    async def _stand_by(self) -> None:
        silence, since = self._options.silence, math.inf
        while True:
            await asyncio.sleep(silence / _ROUNDS)
            asked = time.monotonic()
            try:
                async with self._asking, asyncio.timeout(min(_ANSWER, silence)):
                    await self._ask("select $1::int")
            except asyncpg.PostgresError:
                since = math.inf  # it answers, even if it refuses us
            except (OSError, asyncpg.InterfaceError):
                since = min(since, asked)
                if time.monotonic() - since >= silence:
                    self._lost()
                    return
            else:
                since = math.inf

    async def _look_on(self, pause: float, seen: Seen) -> None:
        while True:
            await asyncio.sleep(pause)
            pause = _EVERY
            with suppress(*SIDE_ERRORS):
                async with self._asking, asyncio.timeout(_ANSWER):
                    await self._look()
                if self._seen:
                    seen(self._seen)

    async def _look(self) -> None:
        found = await blockers_of(
            self._side, self._pid, show_queries=self._options.show_queries
        )
        self._seen = found or self._seen
        limit = self._options.cancel_blockers_after
        for blocker in found:
            if limit is not None and (blocker.is_hidden or blocker.seconds > limit):
                await self._end(blocker)
        if self._stop.urgent:
            await self._ask("select pg_cancel_backend($1)")
        there = "select exists (select from pg_stat_activity where pid = $1)"
        if not await self._ask(there):
            self._lost()

    async def _end(self, blocker: Blocker) -> None:
        may = not blocker.is_hidden
        if may:
            try:
                if await end_blocker(self._side, blocker):
                    self._say(f"ended what was in the way: {blocker}")
            except asyncpg.InsufficientPrivilegeError:
                may = False
        if not may and blocker.pid not in self._refused:
            self._refused.add(blocker.pid)
            self._say(
                f"cannot end {blocker}: this role needs pg_read_all_stats to see how"
                " old it is, and pg_signal_backend; a superuser's needs a superuser"
            )

    async def _ask(self, question: str) -> object:
        async with self._side.use() as connection:
            return await connection.fetchval(question, self._pid)
