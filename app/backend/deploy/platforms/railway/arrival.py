"""Who answers users: told by releases themselves, in what users are answered.

Railway is looked at the less often the longer a build takes, and users would be served
unwatched for minutes. Their own way to the release is no request of Railway's API.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.freshness import LONGEST
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
        self._of = ""
        self._before: str | None = None
        self._looked = False
        self._due: dict[bool, tuple[float, float]] = {}

    async def within(self, deployment: str, seconds: float) -> bool:
        """Waits for so long, or until it is worth asking Railway; whether it is.

        It is where another release answers than before, and where nobody answers any
        more: one may go as soon as it has come, and so may one of those that do not
        say who they are. Railway's own word may come later, so it is worth it again
        while that lasts, but less and less often. Only what takes longer than
        :data:`EVERY` is looked at: otherwise Railway itself is asked soon.
        """
        if deployment != self._of:
            self._of, self._looked, self._due = deployment, False, {}
        ends = self._clock.time() + seconds
        while (left := ends - self._clock.time()) > EVERY:
            await self._clock.sleep(EVERY)
            if self._is_worth_it(deployment, await self._who()):
                return True
        await self._clock.sleep(max(left, 0.0))
        return False

    def _is_worth_it(self, deployment: str, who: str | None) -> bool:
        if not self._looked:
            self._looked, self._before = True, who
        own = who == deployment
        if not own and who == self._before:
            return False
        # What flaps between others costs no more than one of them.
        now = self._clock.time()
        due, gap = self._due.get(own, (now, EVERY))
        if now < due:
            return False
        self._due[own] = now + gap, min(2 * gap, LONGEST)
        return True

    async def _who(self) -> str | None:
        try:
            url = await self._url()
        except PlatformError:
            return None
        told = await self._wire.headers(url + _PATH, seconds=_DEADLINE)
        return told.get(_WHO) or told.get(_NOBODY)
