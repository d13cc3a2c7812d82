"""From one active deployment to the next: switch, overlap, SIGTERM, drain, SIGKILL."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tests.support.railway.faults import Fault
from tests.support.railway.ledger import Ledger
from tests.support.railway.lifecycle import Happening, Status, Step
from tests.support.railway.records import Record

__all__ = ["Handover", "Tasks"]


class Tasks:
    """What goes on by itself; nothing of it outlives :meth:`close`.

    Attributes:
        failures: what ended it other than being cancelled: mistakes of the simulator.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does it beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancels all, and waits for them."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)


class Handover:
    """Moves requests to a deployment, and ends the one before as it was told to be."""

    def __init__(self, ledger: Ledger, tasks: Tasks) -> None:
        self._ledger = ledger
        self._world = ledger.world
        self._tasks = tasks
        self._switching = asyncio.Lock()

    async def go_live(self, record: Record) -> None:
        """Makes a deployment active whose health check has passed."""
        async with self._switching:
            # From here on nothing can drop it: the edge and the roster agree.
            record.starting = True
            with self._ledger.step(record, Step.CONFIGURE_NETWORK):
                await self._aim(record)
                await self._world.ground.switch(record.id)
                before, over = self._ledger.activate(record)
            for one in over:
                self._tasks.begin(self._drain(one))
            if before is None:
                return
            stays = self._overlap(record, before)
            if stays > 0:
                self._tasks.begin(self._retire_later(before, stays))
            else:
                self.retire(before)

    def retire(self, record: Record) -> None:
        """Its end begins now: SIGTERM, and so on."""
        self._ledger.happen(record, Happening.RETIRED)
        self._tasks.begin(self._drain(record))

    async def take_down(self, record: Record) -> None:
        """Ends an active deployment with nothing in its place; goes on if cancelled."""
        await asyncio.shield(self._tasks.begin(self._take_down(record)))

    async def _take_down(self, record: Record) -> None:
        async with self._switching:
            if not self._ledger.status(record).is_active:
                return
            serving = self._world.roster.serving
            self._ledger.happen(record, Happening.RETIRED)
            if serving == record.id:
                await self._world.ground.switch(None)
        await self._drain(record)

    async def _retire_later(self, record: Record, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        if self._ledger.status(record).is_active:
            self.retire(record)

    async def _drain(self, record: Record) -> None:
        world = self._world
        with self._ledger.step(record, Step.DRAIN_INSTANCES):
            grace = record.settings.draining_seconds
            await world.ground.stop(record.id, world.clock.real(grace))
        if self._ledger.status(record) is Status.REMOVING:
            self._ledger.happen(record, Happening.ENDED)

    def _overlap(self, new: Record, old: Record) -> float:
        its, theirs = new.settings.overlap_seconds, old.settings.overlap_seconds
        if its == theirs or self._world.unknowns.overlap_of_the_new:
            return its
        return theirs

    async def _aim(self, record: Record) -> None:
        fault = self._world.faults.take(Fault.WRONG_TARGET_PORT, commit=record.commit)
        if fault is not None:
            self._world.service.target_port = fault.number(1)
            await self._world.aim(right=False)
