"""One replica: a process at a time, kept running as the restart policy says."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.probing import Answer, get, listens
from app.backend.deploy.platforms.local.restarts import (
    Budget,
    GiveUp,
    after_exit,
    how_ended,
)
from app.backend.deploy.platforms.local.startup_page import hides_faults
from app.backend.processes import ProcessMark

__all__ = ["LastEnd", "Note", "Replica", "unfailing"]

logger = logging.getLogger("pm33.platform")

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


@dataclass(frozen=True, slots=True)
class LastEnd:
    """How a process has ended that nobody had asked to."""

    at: datetime
    how: str


class Replica:
    """One process at a time, started again as the restart policy says.

    Args:
        name: the replica's id.
        socket: where it listens.
        settings: policy and budget.
        start: starts its process.
        write: says in the deployment's log what happens to it.
        note: remembers its process.
        token: shown to a release of ours that does not tell anybody why it is not
            healthy; its own ``PM33_ADMIN_TOKEN``.

    Attributes:
        starts: how often a process of it has been started.
        ends: how often one has ended by itself, or could not be started.
        last_end: the newest of them.
        gave_up: why it is not started again; None: it is.
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
        token: str | None = None,
    ) -> None:
        self.name = name
        self.socket = socket
        self.starts = 0
        self.ends = 0
        self.last_end: LastEnd | None = None
        self.gave_up: str | None = None
        self._settings = settings
        self._start = start
        self._write = write
        self._note = unfailing(note)
        self._token = token
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None while there is none."""
        return self._child.mark.pid if self._child and self.running else None

    @property
    def history(self) -> str:
        """How it has ended so far; empty: it has not."""
        if self.last_end is None:
            return ""
        times = "once" if self.ends == 1 else f"{self.ends} times"
        return f"it ended {times}, {self.last_end.how}"

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
            self.ends += 1
            self.last_end = LastEnd(datetime.now(UTC), problem or how_ended(code))
            then = after_exit(self._settings, budget, code=code, uptime=uptime)
            if isinstance(then, GiveUp):
                self.gave_up = then.reason + (f" ({problem})" if problem else "")
                self._tell(f"{self.gave_up}; it is left ended")
                return
            budget = then.budget
            self._tell(
                f"{problem or f'ended ({code}) after {uptime:.1f} s'}; "
                f"restart {self._counted(budget)} in {then.delay:g} s"
            )
            await asyncio.sleep(then.delay)

    async def look(
        self,
        path: str | None,
        timeout: float = _LOOK_TIMEOUT,  # noqa: ASYNC109 - part of the answer
    ) -> Answer:
        """One look at its health; without a path, listening is health."""
        if path is None:
            return await listens(self.socket)
        answer = await get(self.socket, path, timeout=timeout)
        if answer.ok or self._token is None or not hides_faults(answer.body):
            return answer
        told = await get(self.socket, path, timeout=timeout, token=self._token)
        return answer if told.status is None or told.ok else told

    def _tell(self, what: str) -> None:
        """In the deployment's log, and in the platform's."""
        self._write(f"[platform] {what}")
        logger.info("%s: %s", self.name, what)

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
            if self.starts > 1:
                logger.info("%s is started again, pid %s", self.name, self.pid)
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
