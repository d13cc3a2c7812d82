"""A deployment while it changes, looked at as seldom as it allows."""

from collections.abc import AsyncGenerator, Callable
from typing import Final

from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.arrival import Arrival
from app.backend.deploy.platforms.railway.looking import Looking
from app.backend.deploy.platforms.railway.watched import Watching

__all__ = ["follow"]

_LEAST: Final = 1.0
"""Seconds between two looks."""


async def follow(
    watched: Watching,
    looking: Looking,
    arrival: Arrival,
    deployment: str,
    *,
    tell: Callable[[float], None],
) -> AsyncGenerator[Deployment, None]:
    """Its state now, and every time it changes, until it is over or it serves.

    Args:
        watched: what is asked.
        looking: knows who asked for it.
        arrival: waits, but no longer than until others answer users: Railway's own
            word decides, and may come some seconds later.
        deployment: its id.
        tell: is told how many seconds it is until the next look.

    Raises:
        PlatformError: somebody has to approve it, which may take for ever.
        PlatformUnreachableError: Railway has not answered for some time.
    """
    told: Deployment | None = None
    answered = False
    while True:
        state = looking.tagged(await watched.deployment(deployment, now=answered))
        if state != told:
            told = state
            yield state
        if state.active or state.status.is_over:
            return
        if state.status is DeploymentStatus.NEEDS_APPROVAL:
            raise looking.needs_approval(deployment)
        wait = max(watched.due(deployment), _LEAST)
        tell(wait)
        answered = await arrival.within(deployment, wait)
