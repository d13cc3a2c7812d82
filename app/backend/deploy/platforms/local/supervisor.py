"""The platform's decisions: who serves, who comes, who goes. One per home."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.sockets import point, pointed_at
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.backend.deploy.platforms.local.tasks import Tasks
from app.backend.deploy.platforms.local.variables import (
    load_variables,
    snapshot,
    stored,
)
from app.errors import PlatformError, PlatformUnreachableError

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

    Attributes:
        tasks: what it does beside; for changes that have to be seen through, too.
    """

    def __init__(self, ground: Ground, roster: Roster, active: Path) -> None:
        self._ground = ground
        self._roster = roster
        self._active = active
        self._store = ground.store
        self._rising: dict[str, asyncio.Task[None]] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self.tasks = Tasks()
        self._stopping = False

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        """Begins to bring a commit up; what the tag has begun already is returned."""
        self.fence(epoch)
        commit = await self._ground.releases.resolve(commit)
        if (known := self._known(tag, None, commit, epoch)) is not None:
            return known
        variables = load_variables(self._ground.places.variables)
        return self._begin(commit, tag, epoch, variables, None)

    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str
    ) -> Deployment:
        """Begins to bring an earlier deployment back, as a new one.

        While the target's processes still run, users are sent to them at once, and to
        the new deployment's when these are ready.
        """
        self.fence(epoch)
        record = self._roster.record(target)
        if (known := self._known(tag, target, record.commit, epoch)) is not None:
            if known.status is DeploymentStatus.READY:
                # Its own lease was over before it was ready.
                return await self.switch(known.id, epoch=epoch)
            return known
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
        if (known := self._known(tag, target, record.commit, epoch)) is not None:
            return known
        return self._begin(record.commit, tag, epoch, values, target)

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        """Sends users' requests there."""
        self.fence(epoch)
        record = self._roster.record(deployment)
        if deployment != self._store.state.active or not self._reached(deployment):
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
        """Takes note of an epoch; to be called right before anything is changed.

        Raises:
            LeaseLostError: a higher one has been seen.
            PlatformUnreachableError: the platform is about to end.
        """
        if self._stopping:
            raise PlatformUnreachableError(
                "the local platform is being stopped",
                remedy="start it again with `pm33 platform up`",
            )
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
            self._store.keep_up(self._store.state.having(record))
            return
        if not self._reached(active):
            point(self._active, life.sockets)
        self._rising[active] = self.tasks.start(life.serve_again())

    def refuse(self) -> None:
        """Takes no further changes."""
        self._stopping = True

    async def stop(self) -> None:
        """Ends every process of every deployment, each in the time that it is given."""
        self.refuse()
        await self.tasks.drop_changes()
        for deployment in tuple(self._rising):
            await self._stop_rising(deployment)
        for task in self._retiring.values():
            task.cancel()
        why = "the platform was stopped"
        for record in self._roster.records:
            if record.is_unfinished:
                self.tasks.start(
                    self._withdraw(record.id, DeploymentStatus.FAILED, why)
                )
        active = self._store.state.active
        for deployment, life in tuple(self._roster.lives.items()):
            if deployment == active:
                self.tasks.start(life.pause())
            elif life.record.succeeded:
                self.tasks.start(life.end(DeploymentStatus.REMOVED))
        await self.tasks.all_ended()

    def _known(
        self, tag: str, target: str | None, commit: str, epoch: int
    ) -> Deployment | None:
        """What the tag has begun; from now on it belongs to who asks for it again."""
        record = self._store.state.tagged(tag)
        if record is None:
            return None
        if (record.rollback_of, record.commit) != (target, commit):
            raise PlatformError(
                f"{tag} has begun {record.id} already, which is something else",
                remedy="use a tag of its own for each deployment",
            )
        self.fence(epoch)
        if record.is_unfinished and record.epoch != epoch:
            record = replace(record, epoch=epoch)
            self._store.change(self._store.state.having(record))
        return self._roster.view(record)

    def _begin(
        self,
        commit: str,
        tag: str,
        epoch: int,
        variables: Mapping[str, str],
        target: str | None,
    ) -> Deployment:
        self.fence(epoch)
        older = [one.id for one in self._roster.records if one.is_unfinished]
        record = DeploymentRecord(
            id=f"dep-{secrets.token_hex(4)}",
            commit=commit,
            status=DeploymentStatus.INITIALIZING,
            created_at=datetime.now(UTC),
            tag=tag,
            rollback_of=target,
            epoch=epoch,
        )
        folder = self._ground.places.deployment(record.id)
        folder.mkdir(mode=0o700, parents=True)
        snapshot(folder / "variables.json", variables)
        self._store.change(self._store.state.having(record))
        why = "superseded by a newer deployment"
        for one in older:
            self.tasks.start(self._withdraw(one, DeploymentStatus.REMOVED, why))
        self._rising[record.id] = self.tasks.start(self._rise(self._live(record.id)))
        return self._roster.view(record)

    async def _rise(self, life: Life) -> None:
        await life.bring_up()
        self._rising.pop(life.id, None)
        if life.record.status.is_over:
            self._roster.tidy()

    def _live(self, deployment: str) -> Life:
        life = Life(self._ground, deployment, lambda: self._ready(deployment))
        self._roster.lives[deployment] = life
        return life

    def _ready(self, deployment: str) -> None:
        """The switch belongs to a rollback; a deployment waits for it.

        So does a rollback whose lease is over: its successor decides.
        """
        record, state = self._roster.record(deployment), self._store.state
        ours = record.epoch == state.epoch and not self._stopping
        if record.rollback_of is not None and ours:
            self._point(deployment)

    async def _check_ready(self, record: DeploymentRecord) -> None:
        life = self._roster.lives.get(record.id)
        if record.status not in _SERVING or life is None or life.replicas is None:
            starts = "not started yet" if record.status in _SERVING else ""
            because = f" ({why})" if (why := record.reason or starts) else ""
            raise PlatformError(
                f"{record.id} is not ready to serve: it is {record.status}{because}",
                remedy="look into its log, and deploy again",
            )
        problem = await life.replicas.ill()
        now = self._roster.record(record.id).status
        if problem or life.ending or now not in _SERVING:
            raise PlatformError(
                f"{record.id} is not healthy any more: {life.clean(problem)}",
                remedy="try again in a moment, or look into its log",
            )

    def _reached(self, deployment: str) -> bool:
        """Whether the proxy sends users there; the file is what it reads."""
        return pointed_at(self._active) == self._ground.run / deployment

    def _point(self, deployment: str) -> None:
        """The switch: made, then written down; without a wait in between.

        The proxy's file is what counts when the platform is started again, so a state
        that cannot be written now is made up for, and a file that cannot be written
        has changed nothing.
        """
        record = replace(
            self._roster.record(deployment),
            status=DeploymentStatus.SUCCESS,
            succeeded=True,
        )
        point(self._active, self._roster.lives[deployment].sockets)
        state = self._store.state.having(record)
        old = state.active
        if (task := self._retiring.pop(deployment, None)) is not None:
            task.cancel()
        if old == deployment:
            self._store.keep_up(state)
            return
        self._store.keep_up(replace(state, active=deployment, previous=old))
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
        except (OSError, PlatformError) as error:
            logger.info("%s does not serve meanwhile: %s", target, error)

    def _retire(self, deployment: str, *, after: float) -> None:
        async def retire() -> None:
            await asyncio.sleep(after)
            # From here on a switch back is refused, so this must not be cancelled.
            self._retiring.pop(deployment, None)
            await self._stop_rising(deployment)
            life = self._roster.lives.get(deployment)
            if life is not None and deployment != self._store.state.active:
                await life.end(DeploymentStatus.REMOVED)
            self._roster.tidy()

        if (task := self._retiring.pop(deployment, None)) is not None:
            task.cancel()
        self._retiring[deployment] = self.tasks.start(retire())

    async def _withdraw(
        self, deployment: str, status: DeploymentStatus, reason: str
    ) -> None:
        life = self._roster.lives.get(deployment)
        await self._stop_rising(deployment)
        if life is not None and self._roster.record(deployment).is_unfinished:
            await life.end(status, reason, grace=_UNUSED_GRACE)
            self._roster.tidy()

    async def _stop_rising(self, deployment: str) -> None:
        task = self._rising.pop(deployment, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
