"""What Railway keeps to itself."""

from collections.abc import Sequence
from pathlib import Path

from app.backend.deploy.platforms.base import CommandResult, ReplicaAddress
from app.errors import PlatformError

__all__ = ["Hidden"]


class Hidden:
    """Its network and its processes: there is neither of them for us."""

    async def run(
        self,
        commit: str,  # noqa: ARG002 - refused whatever it is
        command: Sequence[str],  # noqa: ARG002 - as above
        *,
        epoch: int,  # noqa: ARG002 - as above
        timeout: float,  # noqa: ARG002, ASYNC109 - as above
    ) -> CommandResult:
        """Refused: Railway runs the pre-deploy command, and nothing else of ours."""
        raise PlatformError(
            "Railway runs no command in a commit's checkout",
            remedy="the release's pre-deploy command is the place for it",
        )

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:  # noqa: ARG002 - as above
        """Nowhere: Railway's private network is its own."""
        return ()

    async def entrance(self) -> Path | None:
        """There is only the public address."""
        return None
