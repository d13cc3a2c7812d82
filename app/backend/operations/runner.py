"""Runs operations beside the requests that asked for them."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.backend.operations.store import Operation, OperationStatus, OperationStore
from app.errors import JournalError, OpsError

__all__ = ["OperationRunner", "Work"]

HEARTBEAT = 10.0
"""Seconds between two signs of life; three of them may be missed."""
RECORD_PAUSES = (1.0, 2.0, 4.0)
"""Seconds after each attempt to store an end: a short outage must not lose it."""
ONCE = (0.0,)
"""The process is stopping: there is no time for another attempt."""
CLOSE_TIMEOUT = 5.0
"""Seconds that interrupted work gets to stop, and to be recorded."""

Work = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Does what was asked for, given the operation's id, and returns what came of it."""

_LOG = logging.getLogger("pm33.operations")


class OperationRunner:
    """Starts operations as tasks of the running loop, and records how they end.

    Args:
        store: where they are kept.
        redact: takes secrets out of what is stored; ``Redactor.redact_value``.
        heartbeat: seconds between two signs of life.
    """

    def __init__(
        self,
        store: OperationStore,
        *,
        redact: Callable[[object], Any],
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._store = store
        self._redact = redact
        self._heartbeat = heartbeat
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    async def start(
        self,
        kind: str,
        work: Work,
        *,
        actor: str,
        request: Mapping[str, Any],
        once: bool = False,
        ask: str = "",
    ) -> Operation:
        """Stores an operation and begins with it; returns at once.

        Args:
            kind: what is done.
            work: does it.
            actor: who asks.
            request: what for.
            once: while one of this kind runs that was asked for in the same words,
                it is returned and none is begun.
            ask: for work that goes on when it is cancelled, in a thread say: how to
                find out what has come of it.

        Raises:
            JournalError: it cannot be stored; the work was not begun.
        """
        request = self._redact(request)
        async with self._starting:
            running = await self._store.running(kind, request) if once else None
            if running is not None:
                return running
            name = f"op-{secrets.token_hex(8)}"
            await self._store.add(name, kind, actor, request)
        operation = await self._store.get(name)
        if operation is None:
            raise JournalError(f"operation {name} was stored and is not there")
        task = asyncio.create_task(self._run(name, work, ask), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step records nothing.
        await asyncio.sleep(0)
        return operation

    async def close(self, wait: float = 0.0) -> None:
        """Ends what runs, and records that; takes ``wait`` + 5 s at most.

        Args:
            wait: seconds that running work gets to end by itself.
        """
        if self._tasks and wait > 0:
            await asyncio.wait(self._tasks, timeout=wait)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CLOSE_TIMEOUT)

    async def _run(self, name: str, work: Work, ask: str) -> None:
        life = asyncio.create_task(self._live(name), name=f"{name} lives")
        try:
            result = await work(name)
        except asyncio.CancelledError:
            status = OperationStatus.LOST if ask else OperationStatus.INTERRUPTED
            await self._record(name, status, ONCE, error=_cut_off(ask))
            raise
        except OpsError as error:
            problem = _problem(error.title, error.http_status, str(error), error.remedy)
            await self._fail(name, problem)
        except Exception as error:  # noqa: BLE001 - work may raise whatever it likes
            _LOG.exception("operation %s failed unexpectedly", name)
            told = f"{type(error).__name__}; the log says more"
            await self._fail(name, _problem(OpsError.title, 500, told))
        else:
            succeeded = OperationStatus.SUCCEEDED
            await self._record(
                name, succeeded, RECORD_PAUSES, result=self._redact(result)
            )
        finally:
            life.cancel()

    async def _fail(self, name: str, problem: Mapping[str, Any]) -> None:
        failed = OperationStatus.FAILED
        await self._record(name, failed, RECORD_PAUSES, error=self._redact(problem))

    async def _live(self, name: str) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            try:
                await self._store.heartbeat(name)
            except JournalError as error:
                _LOG.warning("operation %s cannot show that it lives: %s", name, error)

    async def _record(
        self,
        name: str,
        status: OperationStatus,
        pauses: tuple[float, ...],
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        for pause in pauses:
            try:
                await self._store.finish(name, status, result=result, error=error)
            except JournalError as failure:
                _LOG.warning("operation %s is %s: %s", name, status.value, failure)
                await asyncio.sleep(pause)
            else:
                return
        _LOG.error("the end of operation %s could not be stored", name)


def _cut_off(ask: str) -> dict[str, Any]:
    if ask:
        told = "the service was stopped; what was begun may still come to its end"
        return _problem("Operation lost", 503, told, ask)
    return _problem("Operation interrupted", 503, "the service was stopped")


def _problem(title: str, status: int, detail: str, remedy: str = "") -> dict[str, Any]:
    return {"title": title, "status": status, "detail": detail, "remedy": remedy}
