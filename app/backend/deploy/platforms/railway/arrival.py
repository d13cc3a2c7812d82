"""Who answers users: told by releases themselves, in what users are answered.

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
_NOBODY: Final = "x-railway-fallback"
"""Where the edge answers by itself, for want of a release (FACTS §5)."""
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
        self._looked = False
        self._last: str | None = None

    async def within(
        self, deployment: str, seconds: float, *, every: float = EVERY
    ) -> bool:
        """Waits for so long, or until another release answers; whether one does.

        It has changed, too, when nobody answers any more: a release may go as soon as
        it has come, and so may one of those that do not say who they are. Only what
        takes longer than ``every`` is looked at: otherwise Railway itself is asked
        soon.
        """
        ends = self._clock.time() + seconds
        while (left := ends - self._clock.time()) > every:
            await self._clock.sleep(every)
            if await self._has_changed(deployment):
                return True
        await self._clock.sleep(max(left, 0.0))
        return False

    async def _has_changed(self, deployment: str) -> bool:
        before, looked = self._last, self._looked
        self._last, self._looked = await self._who(), True
        return self._last == deployment or (looked and self._last != before)

    async def _who(self) -> str | None:
        try:
            url = await self._url()
        except PlatformError:
            return None
        told = await self._wire.headers(url + _PATH, seconds=_DEADLINE)
        return told.get(_WHO) or told.get(_NOBODY)
