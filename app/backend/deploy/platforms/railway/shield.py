"""Railway's under-attack mode: its edge lets browsers through that prove to be some.

A client that is no browser is answered with 429 meanwhile, and so is every probe. The
mode needs a public domain. How ``underAttackModeUntil`` is read (none: off; 0: on until
it is turned off; else the second at which it ends) is that of Railway's own CLI
(``railway waf under-attack``), and so are the times for which it can be turned on.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target

__all__ = ["ENDLESS", "put", "until", "until_of"]

ENDLESS: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for: until somebody turns it off."""


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
