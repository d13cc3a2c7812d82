"""The processes of one deployment, started again as its restart policy says.

The policy is the local platform's, so are its pauses: Railway's are not known.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.restarts import Budget, GiveUp, after_exit
from app.backend.deploy.platforms.settings_file import commands_of
from tests.support.railway.containers import Container
from tests.support.railway.ground import Tell, Write
from tests.support.railway.ports import free_port_for_releases

__all__ = ["Processes", "by_line"]

_NOT_RUN: Final = 126


def by_line(write: Write) -> Callable[[str], None]:
    """Takes text of several lines, and hands on one after the other."""

    def written(text: str) -> None:
        for line in text.splitlines():
            write(line)

    return written


class Processes:
    """All replicas of one deployment.

    Args:
        container: what they find around them.
        settings: how many, what they run, and when they are started again.
        write: takes what they write.
        tell: hears what becomes of them.
        on_change: called when another set of them runs.
        scale: what the pauses before another start, and the drain of a restart, are
            multiplied by.

    Attributes:
        ports: where each of them listens, or is to.
    """

    def __init__(
        self,
        container: Container,
        settings: ServiceSettings,
        *,
        write: Write,
        tell: Tell,
        on_change: Callable[[], None],
        scale: float,
    ) -> None:
        (command,) = commands_of(settings.start_command)
        self.ports = tuple(free_port_for_releases() for _ in range(settings.replicas))
        self._settings = settings
        self._starts = [
            partial(
                Child.start,
                command,
                env=container.of_replica(number, port),
                cwd=container.checkout,
                write=by_line(write),
            )
            for number, port in enumerate(self.ports)
        ]
        self._write = write
        self._tell = tell
        self._on_change = on_change
        self._scale = scale
        self._children: dict[int, Child] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> dict[int, int]:
        """The processes that run, by the replica's number."""
        return {n: one.mark.pid for n, one in self._children.items() if one.running}

    @property
    def running(self) -> tuple[int, ...]:
        """The ports of those that run; of all, where none does."""
        return tuple(self.ports[n] for n in sorted(self.pids)) or self.ports

    def start(self) -> None:
        """Starts all; returns at once."""
        self._tasks = {
            asyncio.create_task(self._keep(number)) for number in range(len(self.ports))
        }

    async def restart(self) -> None:
        """Ends all in the time that the settings give them, and starts them again."""
        await self.end(self._settings.draining_seconds * self._scale)
        self.start()

    async def end(self, grace: float) -> None:
        """SIGTERM to all, SIGKILL after ``grace`` seconds; none of it is told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(one.end(grace) for one in self._children.values()))
        self._children.clear()

    async def _keep(self, number: int) -> None:
        budget = Budget()
        while True:
            began = time.monotonic()
            code = await self._run(number)
            uptime = time.monotonic() - began
            then = after_exit(self._settings, budget, code=code, uptime=uptime)
            if isinstance(then, GiveUp):
                self._told(number, "CRASHED" if code else "EXITED")
                return
            self._told(number, "RESTARTING")
            budget = then.budget
            await asyncio.sleep(then.delay * self._scale)

    async def _run(self, number: int) -> int:
        """Runs it once; its exit code."""
        try:
            child = self._children[number] = await self._starts[number]()
        except OSError as error:
            self._write(f"The container cannot be started: {error.strerror or error}")
            return _NOT_RUN
        self._told(number, "RUNNING")
        return await child.exited()

    def _told(self, number: int, status: str) -> None:
        self._on_change()
        self._tell(number, status)
