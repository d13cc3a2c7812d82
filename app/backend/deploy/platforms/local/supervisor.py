"""The platform's decisions: who serves, who comes, who goes. One per home."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.sockets import point
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.backend.deploy.platforms.local.variables import (
    load_variables,
    snapshot,
    stored,
)
from app.errors import OpsError, PlatformError

__all__ = ["Supervisor"]

logger = logging.getLogger("pm33.platform")

# The proxy may still be about to use a connection of the old release.
_LEAST_OVERLAP: Final = 1.0
_UNUSED_GRACE: Final = 1.0
_SERVING: Final = (DeploymentStatus.READY, DeploymentStatus.SUCCESS)


class Supervisor:
    """Changes of one home's deployments, and the switch between them.

    All of it runs on one event loop; what has to hold together is never awaited in
    between. Changes take the caller's epoch, and refuse one lower than the highest.

    Args:
        ground: what deployments stand on.
        roster: the deployments.
        active: the file that the proxy reads its way from.
    """

    def __init__(self, ground: Ground, roster: Roster, active: Path) -> None:
        self._ground = ground
        self._roster = roster
        self._active = active
        self._store = ground.store
        self._rising: dict[str, asyncio.Task[None]] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        """Begins to bring a commit up; what the tag has begun already is returned."""
        self.fence(epoch)
        commit = await self._ground.releases.resolve(commit)
        self.fence(epoch)
        if (known := self._store.state.tagged(tag)) is not None:
            return self._roster.view(known)
        variables = load_variables(self._ground.places.variables)
        return self._begin(commit, tag, variables, None)

    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str
    ) -> Deployment:
        """Begins to bring an earlier deployment back, as a new one.

        While the target's processes still run, users are sent to them at once, and to
        the new deployment's when these are ready.
        """
        self.fence(epoch)
        if (known := self._store.state.tagged(tag)) is not None:
            return self._roster.view(known)
        record = self._roster.record(target)
        if not self._roster.view(record).can_roll_back:
            why = "its checkout is gone" if record.succeeded else "it never served"
            raise PlatformError(
                f"{target} cannot be returned to: {why}",
                remedy=f"deploy its commit {record.commit[:12]} instead",
            )
        if variables == "target":
            folder = self._ground.places.deployment(target)
            values = stored(folder / "variables.json")
        else:
            values = load_variables(self._ground.places.variables)
        await self._first_aid(target, values, epoch)
        if (known := self._store.state.tagged(tag)) is not None:
            return self._roster.view(known)
        return self._begin(record.commit, tag, values, target)

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        """Sends users' requests there."""
        self.fence(epoch)
        record = self._roster.record(deployment)
        if deployment != self._store.state.active:
            await self._check_ready(record)
            self.fence(epoch)
            self._point(deployment)
        return self._roster.deployment(deployment)

    async def cancel(self, deployment: str, *, epoch: int) -> None:
        """Ends a deployment that does not serve."""
        self.fence(epoch)
        record = self._roster.record(deployment)
        if deployment == self._store.state.active:
            raise PlatformError(
                f"{deployment} serves; it cannot be cancelled",
                remedy="roll back, or deploy another commit",
            )
        if record.is_unfinished:
            await self._withdraw(deployment, DeploymentStatus.CANCELLED, "cancelled")
        elif record.status is DeploymentStatus.SUCCESS:
            self._retire(deployment, after=0.0)

    def fence(self, epoch: int) -> None:
        """Takes note of an epoch before anything is changed under it.

        Raises:
            LeaseLostError: a higher one has been seen.
        """
        state = self._store.state
        if (fenced := state.fenced(epoch)) != state:
            self._store.change(fenced)

    def resume(self) -> None:
        """Starts what served when the platform ended."""
        active = self._store.state.active
        if active is None:
            return
        try:
            life = self._live(active)
        except PlatformError as error:
            record = replace(
                self._roster.record(active),
                status=DeploymentStatus.CRASHED,
                reason=str(error),
            )
            self._store.change(self._store.state.having(record))
            return
        point(self._active, life.sockets)
        self._rising[active] = self._task(life.serve_again())

    async def stop(self) -> None:
        """Ends every process of every deployment, each in the time that it is given."""
        for task in self._retiring.values():
            task.cancel()
        why = "the platform was stopped"
        for record in self._roster.records:
            if record.is_unfinished:
                self._task(self._withdraw(record.id, DeploymentStatus.FAILED, why))
        active = self._store.state.active
        for deployment, life in tuple(self._roster.lives.items()):
            if deployment == active:
                self._task(life.pause())
            elif life.record.succeeded:
                self._task(life.end(DeploymentStatus.REMOVED))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(
        self, commit: str, tag: str, variables: Mapping[str, str], target: str | None
    ) -> Deployment:
        why = "superseded by a newer deployment"
        for older in self._roster.records:
            if older.is_unfinished:
                self._task(self._withdraw(older.id, DeploymentStatus.REMOVED, why))
        record = DeploymentRecord(
            id=f"dep-{secrets.token_hex(4)}",
            commit=commit,
            status=DeploymentStatus.INITIALIZING,
            created_at=datetime.now(UTC),
            tag=tag,
            rollback_of=target,
        )
        folder = self._ground.places.deployment(record.id)
        folder.mkdir(mode=0o700, parents=True)
        snapshot(folder / "variables.json", variables)
        self._store.change(self._store.state.having(record))
        self._rising[record.id] = self._task(self._live(record.id).bring_up())
        return self._roster.view(record)

    def _live(self, deployment: str) -> Life:
        life = Life(self._ground, deployment, lambda: self._ready(deployment))
        self._roster.lives[deployment] = life
        return life

    def _ready(self, deployment: str) -> None:
        """The switch belongs to a rollback; a deployment waits for it."""
        if self._roster.record(deployment).rollback_of is not None:
            self._point(deployment)

    async def _check_ready(self, record: DeploymentRecord) -> None:
        life = self._roster.lives.get(record.id)
        if record.status not in _SERVING or life is None or life.replicas is None:
            because = f" ({record.reason})" if record.reason else ""
            raise PlatformError(
                f"{record.id} is not ready to serve: it is {record.status}{because}",
                remedy="look into its log, and deploy again",
            )
        problem = await life.replicas.ill()
        if problem or self._roster.record(record.id).status not in _SERVING:
            raise PlatformError(
                f"{record.id} is not healthy any more: {life.clean(problem)}",
                remedy="try again in a moment, or look into its log",
            )

    def _point(self, deployment: str) -> None:
        """The switch: written down, then made; without a wait in between."""
        record = replace(
            self._roster.record(deployment),
            status=DeploymentStatus.SUCCESS,
            succeeded=True,
        )
        state = self._store.state
        old = state.active
        changed = replace(state.having(record), active=deployment, previous=old)
        self._store.change(changed)
        point(self._active, self._roster.lives[deployment].sockets)
        if (task := self._retiring.pop(deployment, None)) is not None:
            task.cancel()
        if old is not None:
            overlap = record.settings.overlap_seconds if record.settings else 0.0
            self._retire(old, after=max(_LEAST_OVERLAP, overlap))

    async def _first_aid(
        self, target: str, variables: Mapping[str, str], epoch: int
    ) -> None:
        life = self._roster.lives.get(target)
        if life is None or life.variables != variables:
            return
        try:
            await self.switch(target, epoch=epoch)
        except PlatformError as error:
            logger.info("%s does not serve meanwhile: %s", target, error)

    def _retire(self, deployment: str, *, after: float) -> None:
        async def retire() -> None:
            await asyncio.sleep(after)
            # From here on a switch back is refused, so this must not be cancelled.
            self._retiring.pop(deployment, None)
            life = self._roster.lives.get(deployment)
            if life is not None and deployment != self._store.state.active:
                await life.end(DeploymentStatus.REMOVED)
            self._roster.tidy()

        if (task := self._retiring.pop(deployment, None)) is not None:
            task.cancel()
        self._retiring[deployment] = self._task(retire())

    async def _withdraw(
        self, deployment: str, status: DeploymentStatus, reason: str
    ) -> None:
        life = self._roster.lives.get(deployment)
        task = self._rising.pop(deployment, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if life is not None and self._roster.record(deployment).is_unfinished:
            await life.end(status, reason, grace=_UNUSED_GRACE)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        async def logged() -> None:
            try:
                await work
            except (OpsError, OSError):
                logger.exception("left unfinished")

        task = asyncio.create_task(logged())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
