"""How a service stood before anything was changed, and whether it may be changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.backend.deploy.platforms.railway import autodeploy, stored
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import Node
from app.backend.deploy.platforms.railway.keys import Values
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.variables import Variables
from app.errors import PlatformError, PlatformUnreachableError, PreflightError
from tests.live.changes.evidence import Look
from tests.live.changes.watching import UNFINISHED, Watcher

__all__ = ["CHANGED", "Before", "look_before"]

CHANGED: Final = ("overlapSeconds", "preDeployCommand")
"""The settings that are changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is put back.

    Attributes:
        serving: the deployment that served, as the API has it.
        commit: its commit.
        instance: the service instance, with its settings.
        variables: as people have written them, references unresolved; without sealed
            ones, which nobody may read.
        autodeploy: whether pushes deploy; None: that cannot be read.
    """

    serving: Node = field(repr=False)
    commit: str
    instance: Mapping[str, Any] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    autodeploy: bool | None

    @property
    def settings(self) -> Values:
        """What is stored, with Railway's defaults."""
        return stored.stored_of(self.instance)


async def look_before(
    api: RailwayApi,
    target: Target,
    watcher: Watcher,
    variables: Variables,
    *,
    insists: bool,
) -> Before:
    """Looks at what will have to be put back; changes nothing.

    Args:
        api: is asked.
        target: the service.
        watcher: of the same.
        variables: of the same.
        insists: whether production may be changed, too.

    Raises:
        PreflightError: it is production, nothing of a repository serves there, or
            somebody else is at work.
        PlatformError, PlatformUnreachableError: it cannot be looked at.
    """
    if "prod" in target.environment_name.casefold() and not insists:
        raise PreflightError(
            f"{target.environment_name} is not changed for a test",
            remedy="name another environment with -e, or insist: --in-production",
        )
    serving, commit = _serving(await watcher.look(), target)
    return Before(
        serving=serving,
        commit=commit,
        instance=await stored.ask(api, target),
        variables=await variables.stored(),
        autodeploy=await _autodeploy(api, target),
    )


def _serving(look: Look, target: Target) -> tuple[Node, str]:
    """What serves, and its commit."""
    name = target.service_name
    busy = [one for one in look.nodes.values() if one["status"] in UNFINISHED]
    if busy:
        raise PreflightError(
            f"{busy[0]['id']} is under way ({busy[0]['status']})",
            remedy="wait until it is over",
        )
    active = [look.nodes[one] for one in look.active]
    if len(active) != 1 or active[0]["status"] != "SUCCESS":
        raise PreflightError(
            f"no single deployment of {name} serves that could be put back",
            remedy="deploy it once, and wait until that is well",
        )
    commit = (active[0]["meta"] or {}).get("commitHash")
    if not commit:
        raise PreflightError(
            f"what serves at {name} has no commit, and could not be deployed again",
            remedy="take a service that is built from a repository",
        )
    return active[0], str(commit)


async def _autodeploy(api: RailwayApi, target: Target) -> bool | None:
    try:
        return await autodeploy.is_on(api, target)
    except PlatformUnreachableError:
        raise
    except PlatformError:
        return None
