"""What a platform of one's own machine has nothing of."""

from collections.abc import Sequence

from app.backend.deploy.platforms.base import RequestsMade
from app.backend.deploy.platforms.concern import Concern
from app.errors import PlatformError

__all__ = ["Unhosted"]


class Unhosted:
    """Nobody else runs it: no pushes, no shield, no limit, nothing to be told."""

    async def concerns(self, commit: str) -> Sequence[Concern]:  # noqa: ARG002 - none of any
        """See :meth:`.base.Platform.concerns`; its settings are in the plan."""
        return ()

    async def autodeploy(self) -> bool | None:
        """See :meth:`.base.Platform.autodeploy`."""
        return None

    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:  # noqa: ARG002, FBT001 - refused whatever is asked for
        """See :meth:`.base.Platform.set_autodeploy`."""
        raise PlatformError(
            "this platform deploys nothing by itself",
            remedy="`pm33 deploy` is the only way",
        )

    async def silence(self, deployment: str) -> float | None:  # noqa: ARG002 - none of any
        """See :meth:`.base.Platform.silence`: what it begins is up within seconds."""
        return None

    async def shielded(self) -> bool:
        """See :meth:`.base.Platform.shielded`."""
        return False

    async def requests(self) -> RequestsMade | None:
        """See :meth:`.base.Platform.requests`."""
        return None
