"""Looks at the service before a deploy, in three requests, and says what was found."""

from collections.abc import Mapping
from typing import Any, Final

from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.railway import autodeploy
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.judging import Setup, judge
from app.backend.deploy.platforms.railway.keys import Values, canonical
from app.backend.deploy.platforms.railway.manifest import said_of
from app.backend.deploy.platforms.railway.stored import ask
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["concerns"]

_MOST: Final = 100
"""Volumes of an environment that are looked at; the API's page."""
_GONE: Final = frozenset({"DELETED", "DELETING"})
"""Of ``VolumeState``."""


async def concerns(
    api: RailwayApi,
    target: Target,
    *,
    wanted: Values,
    variables: Mapping[str, str | None],
    serving: Mapping[str, Any] | None = None,
    instance: Mapping[str, Any] | None = None,
    bake: float | None = None,
) -> tuple[Concern, ...]:
    """What only Railway can tell of a deploy, before it begins.

    What the token may not see is itself a finding; it is no reason not to deploy.

    Args:
        api: asked for what is not handed in.
        target: the service in its environment.
        wanted: what the commit's ``railway.toml`` says.
        variables: of the next deployment; None: sealed.
        serving: ``meta`` of the deployment that serves; None: nothing does.
        instance: the service instance, as ``ServiceInstance.graphql`` asks for it, if
            somebody has just asked.
        bake: seconds for which a release is watched; None: as long as always.

    Raises:
        PlatformError: the service itself may not be seen.
        PlatformUnreachableError: no answer.
    """
    found = await ask(api, target) if instance is None else instance
    return judge(
        Setup(
            wanted=wanted,
            stored=canonical(found),
            serving=said_of(serving),
            variables=variables,
            volumes=await _volumes(api, target),
            domains=_domains(found),
            autodeploy=await _deploys_by_itself(api, target),
            plan=target.plan.lower() if target.plan else None,
            bake=bake,
            token=(await api.credentials()).kind,
            image=(found.get("source") or {}).get("image"),
        )
    )


async def _volumes(api: RailwayApi, target: Target) -> tuple[str, ...] | None:
    """Where the service's volumes are mounted; None: nobody may tell."""
    try:
        answer = await api.ask(
            "EnvironmentInstances",
            environmentId=target.environment,
            projectId=target.project,
            first=_MOST,
        )
    except PlatformUnreachableError:
        raise
    except PlatformError:
        return None
    found = ((answer.get("environment") or {}).get("volumeInstances") or {}).get(
        "edges"
    )
    nodes = [edge["node"] for edge in found or ()]
    mine = [
        one
        for one in nodes
        if one["serviceId"] == target.service and one.get("state") not in _GONE
    ]
    return tuple(str(one["mountPath"]) for one in mine)


async def _deploys_by_itself(api: RailwayApi, target: Target) -> bool | None:
    try:
        return await autodeploy.is_on(api, target)
    except PlatformUnreachableError:
        raise
    except PlatformError:
        return None


def _domains(instance: Mapping[str, Any]) -> tuple[tuple[str, int | None], ...]:
    domains = instance.get("domains") or {}
    return tuple(
        (str(one["domain"]), one.get("targetPort"))
        for kind in ("customDomains", "serviceDomains")
        for one in domains.get(kind) or ()
    )
