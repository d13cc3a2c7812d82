"""Deployments that come or go, each in a task of its own."""

import asyncio
from typing import Final

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.tasks import Tasks

__all__ = ["Underway"]

_UNUSED_GRACE: Final = 1.0


class Underway:
    """What is under way: deployments that rise, and those that are on their way out.

    Args:
        ground: what deployments stand on.
        roster: the deployments.
        tasks: runs the work; whoever waits for all of them waits for it, too.
    """

    def __init__(self, ground: Ground, roster: Roster, tasks: Tasks) -> None:
        self._store = ground.store
        self._roster = roster
        self._tasks = tasks
        self._rising: dict[str, asyncio.Task[None]] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}

    def rise(self, life: Life) -> None:
        """Begins to bring a new deployment up."""

        async def rise() -> None:
            await life.bring_up()
            self._rising.pop(life.id, None)
            if life.record.status.is_over:
                self._roster.tidy()

        self._rising[life.id] = self._tasks.start(rise())

    def serve_again(self, life: Life) -> None:
        """Begins to start what served before."""
        self._rising[life.id] = self._tasks.start(life.serve_again())

    def retire(self, deployment: str, *, after: float) -> None:
        """Ends one that has served, ``after`` seconds from now, unless it stays."""

        async def retire() -> None:
            await asyncio.sleep(after)
            # From here on a switch back is refused, so this must not be cancelled.
            self._retiring.pop(deployment, None)
            await self._stop_rising(deployment)
            life = self._roster.lives.get(deployment)
            if life is not None and deployment != self._store.state.active:
                await life.end(DeploymentStatus.REMOVED)
            self._roster.tidy()

        self.stay(deployment)
        self._retiring[deployment] = self._tasks.start(retire())

    def stay(self, deployment: str) -> None:
        """Takes back that it is to retire, where its end has not begun."""
        if (task := self._retiring.pop(deployment, None)) is not None:
            task.cancel()

    async def withdraw(
        self, deployment: str, status: DeploymentStatus, reason: str
    ) -> None:
        """Ends one that is not finished yet, for a reason that its record tells."""
        life = self._roster.lives.get(deployment)
        await self._stop_rising(deployment)
        if life is not None and self._roster.record(deployment).is_unfinished:
            await life.end(status, reason, grace=_UNUSED_GRACE)
            self._roster.tidy()

    async def end_all(self, reason: str) -> None:
        """Ends every process of every deployment, each in the time that it is given.

        What serves is written down as serving: it comes back with the platform.
        """
        for deployment in tuple(self._rising):
            await self._stop_rising(deployment)
        for task in self._retiring.values():
            task.cancel()
        for record in self._roster.records:
            if record.is_unfinished:
                self._tasks.start(
                    self.withdraw(record.id, DeploymentStatus.FAILED, reason)
                )
        active = self._store.state.active
        for deployment, life in tuple(self._roster.lives.items()):
            if deployment == active:
                self._tasks.start(life.pause())
            elif life.record.succeeded:
                self._tasks.start(life.end(DeploymentStatus.REMOVED))
        await self._tasks.all_ended()

    async def _stop_rising(self, deployment: str) -> None:
        task = self._rising.pop(deployment, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
