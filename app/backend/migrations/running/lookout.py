"""Looks on while a statement runs: who blocks it, and whether it should end."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

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
_SILENT = 60.0
"""Seconds without one, after which the other connection counts as dead, too."""

Seen = Callable[[tuple[Blocker, ...]], None]


class Lookout:
    """One for a run; begun and ended with every statement that takes a lock.

    Args:
        side: the connection to look from.
        pid: of the backend that runs the statements.
        options: whether queries are shown, and when blockers are ended.
        stop: an urgent one cancels the statement.
        lost: called when that backend is gone, so that nobody waits for its answer.
    """

    def __init__(
        self,
        side: ReservedConnection,
        pid: int,
        *,
        options: RunOptions,
        stop: StopSign,
        lost: Callable[[], None],
    ) -> None:
        self._side = side
        self._pid = pid
        self._options = options
        self._stop = stop
        self._lost = lost
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

    async def _look_on(self, pause: float, seen: Seen) -> None:
        answered = time.monotonic()
        while True:
            await asyncio.sleep(pause)
            try:
                async with self._asking, asyncio.timeout(_ANSWER):
                    await self._look()
            except asyncpg.PostgresError:
                answered = time.monotonic()  # even if it refuses us
                continue
            except (OSError, asyncpg.InterfaceError):
                # A host that is gone without a word answers neither connection.
                if time.monotonic() - answered > _SILENT:
                    self._lost()
                continue
            else:
                answered = time.monotonic()
            finally:
                pause = _EVERY
            if self._seen:
                seen(self._seen)

    async def _look(self) -> None:
        found = await blockers_of(
            self._side, self._pid, show_queries=self._options.show_queries
        )
        self._seen = found or self._seen
        limit = self._options.cancel_blockers_after
        for blocker in found:
            if limit is not None and blocker.seconds > limit:
                await end_blocker(self._side, blocker)
        if self._stop.urgent:
            await self._ask("select pg_cancel_backend($1)")
        there = "select exists (select from pg_stat_activity where pid = $1)"
        if not await self._ask(there):
            self._lost()

    async def _ask(self, question: str) -> object:
        async with self._side.use() as connection:
            return await connection.fetchval(question, self._pid)
