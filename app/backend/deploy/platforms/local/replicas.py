"""The replicas of one deployment: kept running, asked for their health, ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ReplicaAddress, ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.probing import Answer, get, listens
from app.backend.deploy.platforms.local.restarts import Budget, GiveUp, after_exit
from app.backend.processes import ProcessMark
from app.errors import PlatformError

__all__ = ["Replica", "ReplicaSet"]

_POLL: Final = 0.1
# A health endpoint that takes longer is not healthy.
_LOOK_TIMEOUT: Final = 5.0

Note = Callable[[str, ProcessMark | None], None]
"""Gets a process's name and its mark, or None when it is gone."""


class Replica:
    """One process at a time, started again as the restart policy says.

    Args:
        name: the replica's id.
        socket: where it listens.
        settings: policy and budget.
        start: starts its process.
        write: says in the deployment's log what happens to it.
        note: remembers its process.
    """

    def __init__(
        self,
        name: str,
        socket: Path,
        settings: ServiceSettings,
        *,
        start: Callable[[], Awaitable[Child]],
        write: Callable[[str], None],
        note: Note,
    ) -> None:
        self.name = name
        self.socket = socket
        self.starts = 0
        self.gave_up: str | None = None
        self._settings = settings
        self._start = start
        self._write = write
        self._note = note
        self._child: Child | None = None

    @property
    def running(self) -> bool:
        """Whether a process of it runs now."""
        return self._child is not None and self._child.running

    async def keep(self) -> None:
        """Runs it until its budget is spent; cancelled, it leaves its process alone."""
        budget = Budget()
        while True:
            began = time.monotonic()
            try:
                self._child = await self._start()
            except OSError as error:
                self.gave_up = f"cannot be started: {error.strerror}"
                return
            self.starts += 1
            self._note(self.name, self._child.mark)
            code = await self._child.exited()
            self._note(self.name, None)
            uptime = time.monotonic() - began
            then = after_exit(self._settings, budget, code=code, uptime=uptime)
            if isinstance(then, GiveUp):
                self.gave_up = then.reason
                self._write(f"[platform] {then.reason}; it is left ended")
                return
            budget = then.budget
            self._write(
                f"[platform] ended ({code}) after {uptime:.1f} s; restart "
                f"{budget.spent} of {self._settings.restart_retries} "
                f"in {then.delay:g} s"
            )
            await asyncio.sleep(then.delay)

    async def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds."""
        if self._child is not None:
            await self._child.end(grace)
            self._note(self.name, None)

    async def look(self, path: str | None) -> Answer:
        """One look at its health; without a path, listening is health."""
        if path is not None:
            return await get(self.socket, path, timeout=_LOOK_TIMEOUT)
        if await listens(self.socket):
            return Answer(200, "it listens")
        return Answer(None, "it does not listen")


@dataclass(frozen=True, slots=True)
class _Sight:
    answer: Answer
    starts: int


class ReplicaSet:
    """All replicas of one deployment.

    Args:
        replicas: not started yet.
        settings: the deployment's.
        on_lost: called once when the last of them has been given up.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        settings: ServiceSettings,
        on_lost: Callable[[str], None],
    ) -> None:
        self._replicas = tuple(replicas)
        self._settings = settings
        self._on_lost = on_lost
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    @property
    def addresses(self) -> tuple[ReplicaAddress, ...]:
        """Where each of them listens."""
        return tuple(ReplicaAddress(one.name, one.socket) for one in self._replicas)

    def start(self) -> None:
        """Starts all; returns at once."""
        self._tasks = {asyncio.create_task(self._keep(one)) for one in self._replicas}

    async def become_healthy(self) -> None:
        """Waits until every replica has answered its health check with 200.

        Raises:
            PlatformError: one spent its restarts, or the time is over; the message
                says what it answered last.
        """
        timeout = self._settings.healthcheck_timeout
        deadline = time.monotonic() + timeout
        while True:
            sights = await self._look()
            lost = next((one for one in self._replicas if one.gave_up), None)
            if lost is not None:
                raise PlatformError(f"{lost.name}: {lost.gave_up}")
            if self._all_well(sights):
                return
            if time.monotonic() >= deadline:
                raise PlatformError(
                    f"not healthy within {timeout:g} s: {self._ill(sights)}"
                )
            await asyncio.sleep(_POLL)

    async def ill(self) -> str:
        """One look at all: what is wrong; empty when all are well."""
        sights = await self._look()
        return "" if self._all_well(sights) else self._ill(sights)

    async def end(self, grace: float) -> None:
        """Ends all at once: SIGTERM, and SIGKILL after ``grace`` seconds."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(one.end(grace) for one in self._replicas))

    async def _keep(self, replica: Replica) -> None:
        await replica.keep()
        if not self._ending and all(one.gave_up for one in self._replicas):
            self._on_lost(f"{replica.name}: {replica.gave_up}")

    async def _look(self) -> dict[str, _Sight]:
        async def look(one: Replica) -> tuple[str, _Sight]:
            starts = one.starts
            return one.name, _Sight(
                await one.look(self._settings.healthcheck_path), starts
            )

        return dict(await asyncio.gather(*map(look, self._replicas)))

    def _all_well(self, sights: dict[str, _Sight]) -> bool:
        """Well is only who still is the process that has answered."""
        return all(
            one.running
            and sights[one.name].answer.ok
            and sights[one.name].starts == one.starts
            for one in self._replicas
        )

    def _ill(self, sights: dict[str, _Sight]) -> str:
        path = self._settings.healthcheck_path or "its socket"
        return (
            "; ".join(
                f"{one.name} {path}: {sights[one.name].answer}"
                for one in self._replicas
                if not (one.running and sights[one.name].answer.ok)
            )
            or "a replica was restarted meanwhile"
        )
