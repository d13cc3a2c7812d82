"""The runner's sign of life, from a thread of its own.

A revision may compute, sleep, or wait for somebody else's service. Nothing else happens
in its thread meanwhile, and a runner that looks dead is ended by the next one.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from app.backend.database.target import DatabaseTarget
from app.backend.migrations.running.turn import take_lease
from app.errors import LeaseLostError

__all__ = ["Heartbeat"]

_ENDING = 15.0


class Heartbeat:
    """Holds the migration's lease until it is told not to.

    Args:
        target: the database.
        name: of the runner, as its backend is called.
        ttl: seconds without a beat after which it counts as dead.
        lost: called once in that thread when somebody else has the lease.
    """

    def __init__(
        self,
        target: DatabaseTarget,
        name: str,
        *,
        ttl: float,
        lost: Callable[[LeaseLostError], None],
    ) -> None:
        self._target = target
        self._name = name
        self._ttl = ttl
        self._lost = lost
        self._ready: Future[None] = Future()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._hold()), name="heartbeat", daemon=True
        )

    async def begin(self) -> None:
        """Takes the lease.

        Raises:
            JournalError: the database cannot be asked.
            LeaseHeldError: somebody has taken it at the same moment.
        """
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def end(self) -> None:
        """Lets the lease go; one that cannot be freed runs out by itself."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            await asyncio.to_thread(self._thread.join, _ENDING)

    async def _hold(self) -> None:
        try:
            lease = await take_lease(self._target, self._name, ttl=self._ttl)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._ready.set_exception(error)
            return
        lease.on_lost(self._lost)
        self._loop = asyncio.get_running_loop()
        self._ready.set_result(None)
        await self._over.wait()
        await lease.release()
