"""Railway's under-attack mode: its edge lets browsers through that prove to be some.

A client that is no browser is answered with 429 meanwhile, and so is every probe. The
mode needs a public domain. How ``underAttackModeUntil`` is read (none: off; 0: on until
it is turned off; else the second at which it ends) is that of Railway's own CLI
(``railway waf under-attack``), and so are the times for which it can be turned on.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.errors import NotAuthorizedError, PlatformError

__all__ = ["ENDLESS", "Sight", "put", "until", "until_of"]

ENDLESS: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for: until somebody turns it off."""

_REST: Final = 600.0
"""Seconds for which it is left out after a first failure: each may cost three requests
more."""


class Sight:
    """Whether a question about something else asks for the shield as well.

    A token that may not see it is not asked again. After any other failure it is left
    out for a time, each time for longer than before.

    Args:
        clock: measures.
        say: is told once that it cannot be seen.
    """

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._rest = _REST
        self._from = -math.inf
        self._said = False

    @property
    def due(self) -> bool:
        """Whether it is asked for."""
        return self._clock.time() >= self._from

    def came(self) -> None:
        """It was answered."""
        self._rest = _REST

    def failed(self, error: PlatformError) -> None:
        """The question has been answered only without it."""
        refused = isinstance(error, NotAuthorizedError)
        self._from = math.inf if refused else self._clock.time() + self._rest
        self._rest *= 2
        if not self._said:
            self._said = True
            again = "not asked for again" if refused else "asked for again later"
            self._say(f"the shield cannot be seen, and is {again}: {error}")


async def until(api: RailwayApi, target: Target) -> datetime | None:
    """Until when machines are kept out; None: they are not.

    Raises:
        PlatformError: Railway does not say.
    """
    body = await api.ask(
        "Shield", serviceId=target.service, environmentId=target.environment
    )
    return until_of(body["serviceInstance"].get("edgeConfig"), datetime.now(UTC))


async def put(
    api: RailwayApi, target: Target, seconds: float | None
) -> datetime | None:
    """Turns it on or off; returns until when it is on. Harmless when repeated.

    Args:
        api: asked once.
        target: the service.
        seconds: for how long; infinite: until it is turned off; None: turns it off.

    Raises:
        PlatformError: refused, as for a service without a public domain.
        PlatformUnreachableError: it may have been done; :func:`until` tells.
    """
    wanted: dict[str, Any] = {
        "serviceId": target.service,
        "environmentId": target.environment,
        "enabled": seconds is not None,
    }
    if seconds is not None and math.isfinite(seconds):
        wanted["durationSeconds"] = math.ceil(seconds)
    body = await api.change("ShieldUpdate", input=wanted)
    return until_of(body["setServiceUnderAttackMode"], datetime.now(UTC))


def until_of(edge: Mapping[str, Any] | None, now: datetime) -> datetime | None:
    """What a service's ``edgeConfig`` says."""
    told = (edge or {}).get("underAttackModeUntil")
    if told is None:
        return None
    if told == 0:
        return ENDLESS
    ends = datetime.fromtimestamp(int(told), UTC)
    return ends if ends > now else None
