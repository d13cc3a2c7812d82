"""The platform's decisions: who serves, who comes, who goes. One per home."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.backend.deploy.platforms.local.switch import Switch
from app.backend.deploy.platforms.local.tasks import Tasks
from app.backend.deploy.platforms.local.underway import Underway
from app.backend.deploy.platforms.local.variables import (
    load_variables,
    snapshot,
    stored,
)
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["Supervisor"]

logger = logging.getLogger("pm33.platform")


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
        self._store = ground.store
        self.tasks = Tasks()
        self._underway = Underway(ground, roster, self.tasks)
        self._switch = Switch(ground, roster, self._underway, active)
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
        if not self._switch.reached(deployment):
            await self._switch.check_ready(record)
            self.fence(epoch)
            self._switch.make(deployment)
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
            await self._underway.withdraw(
                deployment, DeploymentStatus.CANCELLED, "cancelled"
            )
        elif record.status is DeploymentStatus.SUCCESS:
            self._underway.retire(deployment, after=0.0)

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
        self._switch.restore(life)
        self._underway.serve_again(life)

    def refuse(self) -> None:
        """Takes no further changes."""
        self._stopping = True

    async def stop(self) -> None:
        """Ends every process of every deployment, each in the time that it is given."""
        self.refuse()
        await self.tasks.drop_changes()
        await self._underway.end_all("the platform was stopped")

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
            self.tasks.start(
                self._underway.withdraw(one, DeploymentStatus.REMOVED, why)
            )
        self._underway.rise(self._live(record.id))
        return self._roster.view(record)

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
            self._switch.make(deployment)

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
