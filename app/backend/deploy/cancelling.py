"""Ends a deployment that was left waiting; what serves is refused."""

import asyncio

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.running.fencing import acting
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.tools import Tools
from app.errors import PlatformUnreachableError, PreflightError

__all__ = ["cancel"]

DEADLINE = 60.0
"""Seconds that its processes get to end."""


async def cancel(deployment: str, tools: Tools, *, actor: str) -> Deployment:
    """Ends one that does not serve, under the environment's lease.

    One that is over already is left as it is.

    Args:
        deployment: the platform's id.
        tools: what to work with.
        actor: who asks.

    Returns:
        What has become of it.

    Raises:
        PreflightError: it serves, or has served; or there is no lease to be had.
        DeploymentNotFoundError: there is none of that id.
        LeaseHeldError: somebody is at work, with this one perhaps.
        LeaseLostError: somebody else has taken over.
        PlatformUnreachableError: no answer in time; it may be ended or not.
    """
    known = await tools.platform.deployment(deployment)
    if known.status.is_over:
        tools.say(f"{deployment} is over already")
        return known
    _refuse_served(known)
    guard, _ = await leave_to_act(
        tools,
        holder=f"{actor} cancel {deployment}",
        reason=f"cancel {deployment}",
        patient=False,
        supersede=False,
        alone=False,
    )
    try:
        _refuse_served(await tools.platform.deployment(deployment))
        async with acting(tools, guard):
            await tools.platform.cancel(deployment, epoch=guard.epoch)
        return await _ended(deployment, tools)
    finally:
        await guard.release()


def _refuse_served(known: Deployment) -> None:
    if known.active or known.status is DeploymentStatus.SUCCESS:
        what = "serves" if known.active else "has served, and may be gone back to"
        raise PreflightError(
            f"{known.id} {what}; it cannot be cancelled",
            remedy="`pm33 rollback` returns to an earlier one",
        )


async def _ended(deployment: str, tools: Tools) -> Deployment:
    try:
        async with asyncio.timeout(DEADLINE):
            async for state in tools.platform.follow(deployment):
                if state.status.is_over:
                    return state
    except TimeoutError as error:
        raise PlatformUnreachableError(
            f"{deployment} has not ended within {DEADLINE:g} s",
            remedy="`pm33 deployments show` says how far it is",
        ) from error
    return await tools.platform.deployment(deployment)
