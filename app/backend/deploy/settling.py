"""A commit's settings beside Railway's: what differs, made so, and what really ran."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.platforms.railway.manifest import unmet
from app.backend.deploy.platforms.railway.stored import (
    Difference,
    apply,
    ask,
    differences,
    stored_of,
)
from app.backend.deploy.running.fencing import acting
from app.backend.deploy.running.following import serving
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.tools import Tools
from app.errors import DeploymentNotFoundError, PreflightError

__all__ = ["Comparison", "compare_run", "compare_stored", "store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A commit's settings beside others.

    Attributes:
        commit: whose ``railway.toml`` says what is wanted.
        wanted: how many settings are compared.
        differing: what is otherwise; None: the deployment does not tell.
        deployment: that ran; None: what is stored was looked at.
    """

    commit: str
    wanted: int
    differing: tuple[Difference, ...] | None
    deployment: str | None = None

    @property
    def same(self) -> bool:
        """Whether everything is surely as wanted."""
        return self.differing == ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        told = self.differing
        return {
            "commit": self.commit,
            "deployment": self.deployment,
            "wanted": self.wanted,
            "same": self.same,
            "differing": None if told is None else [one.to_dict() for one in told],
        }


async def compare_stored(commit: str, tools: Tools) -> Comparison:
    """What Railway has stored, and a deploy of the commit would store otherwise.

    Raises:
        PreflightError: the environment does not run at Railway.
        PlatformError: Railway could not be asked, or the commit is not here.
        ConfigError: the commit's file cannot be used.
    """
    platform = _railway(tools)
    connection, wanted = platform.connection, await platform.releases.wanted(commit)
    instance = await ask(connection.api, await connection.target())
    differing = differences(wanted, stored_of(instance))
    return Comparison(commit=commit, wanted=len(wanted), differing=differing)


async def store(
    commit: str, tools: Tools, *, actor: str, unlocked: bool = False
) -> tuple[str, ...]:
    """Stores what differs, under the environment's lease; starts no deployment.

    Args:
        commit: whose settings.
        tools: what to work with.
        actor: who asks.
        unlocked: go on where there is no lease to be had.

    Returns:
        The names of the settings that were changed.

    Raises:
        LeaseHeldError: somebody else is at work.
        LeaseLostError: somebody else has taken over.
        PlatformUnreachableError: it may be stored or not; to ask again is harmless.
        PreflightError, PlatformError, ConfigError: as :func:`compare_stored`; or
            there is no lease to be had.
    """
    platform = _railway(tools)
    # What cannot be used is found out before anybody waits for the lease.
    await platform.releases.said(commit)
    connection = platform.connection
    target = await connection.target()
    guard, note = await leave_to_act(
        tools,
        holder=f"{actor} settings {commit[:12]}",
        reason=f"store the settings of {commit[:12]}",
        patient=False,
        supersede=False,
        alone=unlocked,
        remedy="; or go on alone with --unlocked",
    )
    if note:
        tools.say(note)
    try:
        async with acting(tools, guard):
            wanted = await platform.releases.wanted(commit)
            return await apply(connection.api, target, wanted)
    finally:
        await guard.release()


async def compare_run(deployment: str | None, tools: Tools) -> Comparison:
    """What a deployment really ran with, of build and deploy.

    Args:
        deployment: the platform's id; None: the one that serves.
        tools: what to work with.

    Raises:
        DeploymentNotFoundError: there is none.
        PreflightError, PlatformError, ConfigError: as :func:`compare_stored`.
    """
    platform = _railway(tools)
    found = await _deployment(deployment, tools)
    wanted = await platform.releases.said(found.commit)
    answer = await platform.connection.api.ask("Deployment", id=found.id)
    meta: Mapping[str, Any] | None = (answer.get("deployment") or {}).get("meta")
    return Comparison(
        commit=found.commit,
        wanted=len(wanted),
        differing=unmet(wanted, meta),
        deployment=found.id,
    )


async def _deployment(deployment: str | None, tools: Tools) -> Deployment:
    if deployment is not None:
        return await tools.platform.deployment(deployment)
    found = await serving(tools.platform)
    if found is None:
        raise DeploymentNotFoundError(
            "nothing serves that could be looked at",
            remedy="`pm33 deployments list` shows what there is; name one of them",
        )
    return found


def _railway(tools: Tools) -> RailwayPlatform:
    platform = tools.platform
    if not isinstance(platform, RailwayPlatform):
        raise PreflightError(
            f"{tools.environment} runs on this machine, where each release is run as"
            " its own railway.toml says",
            remedy="nothing has to be stored there; name another environment with -e",
        )
    return platform
