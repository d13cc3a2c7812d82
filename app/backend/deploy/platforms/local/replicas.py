"""The replicas of one deployment: kept running, asked for their health, ended."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ReplicaAddress, ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.probing import Answer, get, listens
from app.backend.deploy.platforms.local.restarts import (
    Backoff,
    Budget,
    GiveUp,
    after_exit,
)
from app.backend.processes import ProcessMark
from app.errors import OpsError, PlatformError

__all__ = ["Note", "Replica", "ReplicaSet", "unfailing"]

logger = logging.getLogger("pm33.platform")

_POLL: Final = 0.1
# What a shell says of a program that cannot be run.
_NOT_RUN: Final = 126
# A health endpoint that takes longer is not healthy.
_LOOK_TIMEOUT: Final = 5.0

Note = Callable[[str, ProcessMark | None], None]
"""Gets a process's name and its mark, or None when it is gone."""


def unfailing(note: Note) -> Note:
    """A note that a full disk does not stop: the leash ends who is forgotten, too."""

    def noted(name: str, mark: ProcessMark | None) -> None:
        try:
            note(name, mark)
        except OSError as error:
            logger.warning("%s is not written down: %s", name, error)

    return noted


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
        self._note = unfailing(note)
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
            code, problem = await self._run()
            uptime = time.monotonic() - began
            then = after_exit(self._settings, budget, code=code, uptime=uptime)
            if isinstance(then, GiveUp):
                self.gave_up = then.reason + (f" ({problem})" if problem else "")
                self._write(f"[platform] {self.gave_up}; it is left ended")
                return
            budget = then.budget
            self._write(
                f"[platform] {problem or f'ended ({code}) after {uptime:.1f} s'}; "
                f"restart {self._counted(budget)} in {then.delay:g} s"
            )
            await asyncio.sleep(then.delay)

    async def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds."""
        if self._child is not None:
            await self._child.end(grace)
            self._note(self.name, None)

    async def _run(self) -> tuple[int, str]:
        """Runs it once; its exit code, and what went wrong here.

        Whatever that is, it is an exit: a machine that has no descriptor or no memory
        left for a moment must not take the release down for good.
        """
        self._child = None
        try:
            self._child = await self._start()
            self.starts += 1
            self._note(self.name, self._child.mark)
            code = await self._child.exited()
            self._note(self.name, None)
        except OSError as error:
            problem = f"it cannot be run: {error.strerror or error}"
        except Exception as error:
            logger.exception("%s is not looked after", self.name)
            problem = f"it cannot be looked after: {type(error).__name__}"
        else:
            return code, ""
        with contextlib.suppress(OSError):
            await self.end(0)
        return _NOT_RUN, problem

    def _counted(self, budget: Budget) -> str:
        if self._settings.restart_policy == "ALWAYS":
            return str(budget.spent)
        return f"{budget.spent} of {self._settings.restart_retries}"

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

    @property
    def given_up(self) -> str:
        """Which of them are not started again, and why; empty: none."""
        return "; ".join(
            f"{one.name}: {one.gave_up}" for one in self._replicas if one.gave_up
        )

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
                raise PlatformError(
                    f"{lost.name}: {lost.gave_up}",
                    remedy="look into the deployment's log for what it said",
                )
            if self._all_well(sights):
                return
            if time.monotonic() >= deadline:
                raise PlatformError(
                    f"not healthy within {timeout:g} s: {self._ill(sights)}",
                    remedy="look into the deployment's log; if it only needs longer, "
                    "raise healthcheckTimeout",
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
        backoff = Backoff()
        while not self._ending and all(one.gave_up for one in self._replicas):
            try:
                self._on_lost(f"{replica.name}: {replica.gave_up}")
            except (OpsError, OSError) as error:
                logger.warning("%s has crashed, unsaid: %s", replica.name, error)
            else:
                return
            backoff = backoff.after(0)
            await asyncio.sleep(backoff.pause)

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
