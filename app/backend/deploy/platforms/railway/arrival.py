"""That a release serves, told by itself in what users are answered.

Railway is looked at the less often the longer a build takes, and users would be served
unwatched for minutes. Their own way to the release is no request of Railway's API.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.wire import Wire
from app.errors import PlatformError

__all__ = ["EVERY", "Arrival"]

EVERY: Final = 10.0
"""Seconds from one look to the next."""

_PATH: Final = "/api/version"
_WHO: Final = "x-pm33-deployment"
"""As a release calls itself in the headers of all its answers."""
_DEADLINE: Final = 5.0


class Arrival:
    """Waits at the users' address.

    Args:
        wire: what requests travel on; none carries a token.
        url: where users go.
        clock: waits.
    """

    def __init__(
        self, wire: Wire, url: Callable[[], Awaitable[str]], clock: Clock
    ) -> None:
        self._wire = wire
        self._url = url
        self._clock = clock

    async def within(
        self, deployment: str, seconds: float, *, every: float = EVERY
    ) -> bool:
        """Waits for so long, or until a deployment has answered; whether it has.

        Only what takes longer than ``every`` is looked at: otherwise Railway itself
        is asked soon.
        """
        ends = self._clock.time() + seconds
        while (left := ends - self._clock.time()) > every:
            await self._clock.sleep(every)
            if await self._answers(deployment):
                return True
        await self._clock.sleep(max(left, 0.0))
        return False

    async def _answers(self, deployment: str) -> bool:
        try:
            url = await self._url()
        except PlatformError:
            return False
        headers = await self._wire.headers(url + _PATH, seconds=_DEADLINE)
        return headers.get(_WHO) == deployment
