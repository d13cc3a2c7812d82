"""The deployments that there are: looked up, followed, and forgotten in time."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus, LogLine
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.logbook import Logbook
from app.backend.deploy.platforms.local.reconciling import kept_commits, remembered
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.errors import DeploymentNotFoundError

__all__ = ["Roster"]


class Roster:
    """What is written down of the deployments, and those that have processes.

    Every method that takes a deployment raises DeploymentNotFoundError for one that
    is not known.

    Attributes:
        lives: by deployment; the supervisor puts them in.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._store = ground.store
        self.lives: dict[str, Life] = {}

    @property
    def records(self) -> tuple[DeploymentRecord, ...]:
        """All of them, the oldest first."""
        return self._store.state.deployments

    def record(self, deployment: str) -> DeploymentRecord:
        """As it is written down."""
        record = self._store.state.find(deployment)
        if record is None:
            raise DeploymentNotFoundError(
                f"there is no deployment {deployment}",
                remedy="`pm33 deployments` lists them",
            )
        return record

    def deployment(self, deployment: str) -> Deployment:
        """As the protocol tells it."""
        return self.view(self.record(deployment))

    def newest(self, limit: int) -> list[Deployment]:
        """The newest first; what serves is among them."""
        serving, newest = self._store.state.active, self.records[::-1]
        listed = [one for i, one in enumerate(newest) if i < limit or one.id == serving]
        return [self.view(record) for record in listed]

    def view(self, record: DeploymentRecord) -> Deployment:
        """A record as the protocol tells it."""
        present = self._ground.releases.present(record.commit)
        view = self._store.state.view(record, checkout=present)
        life = self.lives.get(record.id)
        if life is None or not (why := life.given_up or life.waits_for):
            return view
        return replace(view, reason=view.reason or why)

    async def follow(self, deployment: str) -> AsyncGenerator[Deployment, None]:
        """Its state now and after every change, until it is over or serves."""
        told: Deployment | None = None
        while True:
            now = self.deployment(deployment)
            if now != told:
                told = now
                yield now
            serves = now.active and now.status is DeploymentStatus.SUCCESS
            if now.status.is_over or serves:
                return
            # The reader took its time; what has changed meanwhile is told at once.
            if self.deployment(deployment) == told:
                await self._store.changed()

    def logs(
        self, deployment: str, *, limit: int, follow: bool
    ) -> AsyncGenerator[LogLine, None]:
        """The newest lines, then new ones until the deployment is over."""
        self.record(deployment)
        folder = self._ground.places.deployment(deployment)

        def ended() -> bool:
            status = self.record(deployment).status
            # Its last words are still to come.
            return status.is_over and status is not DeploymentStatus.REMOVING

        return Logbook(folder / "log.jsonl").read(limit, follow=follow, ended=ended)

    def tidy(self) -> None:
        """Forgets what nobody will return to: records, logs, checkouts, venvs."""
        state = self._store.state
        for record in self.records:
            life = self.lives.get(record.id)
            ended = record.status.is_over and record.id != state.active
            if ended and life is not None and life.replicas is None:
                del self.lives[record.id]
        kept = remembered(state)
        if len(kept) < len(state.deployments):
            self._store.keep_up(replace(state, deployments=kept))
            self._ground.places.forget_all_but({one.id for one in kept})
        self._ground.tidy(kept_commits(self._store.state))
