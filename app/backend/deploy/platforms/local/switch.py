"""The switch: which deployment users' requests are sent to."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.life import Life
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.sockets import point, pointed_at
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.backend.deploy.platforms.local.underway import Underway
from app.errors import PlatformError

__all__ = ["Switch"]

# The proxy may still be about to use a connection of the old release.
_LEAST_OVERLAP: Final = 1.0
_SERVING: Final = (DeploymentStatus.READY, DeploymentStatus.SUCCESS)


class Switch:
    """Sends users to a deployment, and the one before on its way out.

    Args:
        ground: what deployments stand on.
        roster: the deployments.
        underway: retires who served before.
        active: the file that the proxy reads its way from.
    """

    def __init__(
        self, ground: Ground, roster: Roster, underway: Underway, active: Path
    ) -> None:
        self._store = ground.store
        self._run = ground.run
        self._roster = roster
        self._underway = underway
        self._active = active

    def reached(self, deployment: str) -> bool:
        """Whether it is the active one, and the proxy sends users there.

        The file is what the proxy reads; the state may be behind it.
        """
        active = deployment == self._store.state.active
        return active and pointed_at(self._active) == self._run / deployment

    def restore(self, life: Life) -> None:
        """Sends users to what served when the platform ended."""
        if not self.reached(life.id):
            point(self._active, life.sockets)

    async def check_ready(self, record: DeploymentRecord) -> None:
        """Looks whether users can be sent there.

        Raises:
            PlatformError: it has not come up, or is not healthy any more.
        """
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

    def make(self, deployment: str) -> None:
        """The switch itself: made, then written down; without a wait in between.

        The proxy's file is what counts when the platform is started again, so a state
        that cannot be written now is made up for, and a file that cannot be written
        has changed nothing.

        Raises:
            OSError: the file cannot be written.
        """
        record = replace(
            self._roster.record(deployment),
            status=DeploymentStatus.SUCCESS,
            succeeded=True,
        )
        point(self._active, self._roster.lives[deployment].sockets)
        state = self._store.state.having(record)
        old = state.active
        self._underway.stay(deployment)
        if old == deployment:
            self._store.keep_up(state)
            return
        self._store.keep_up(replace(state, active=deployment, previous=old))
        if old is not None:
            overlap = record.settings.overlap_seconds if record.settings else 0.0
            self._underway.retire(old, after=max(_LEAST_OVERLAP, overlap))
