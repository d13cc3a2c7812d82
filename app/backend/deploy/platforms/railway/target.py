"""Which project, environment and service at Railway are meant (contract §6).

What Railway injects into a container (``RAILWAY_PROJECT_ID`` and its like) is never
looked at: a pipeline that runs there would otherwise deploy itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from app.backend.config.environment import Config
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.cli_config import Link
from app.backend.deploy.platforms.railway.naming import Named, the_one
from app.backend.deploy.platforms.railway.projects import find_project
from app.backend.deploy.platforms.railway.tokens import Credentials
from app.errors import PlatformError, PlatformUnreachableError, TargetError

__all__ = ["Target", "resolve"]

_MOST: Final = 100
_LINK: Final = "`railway link`"
_PROJECT: Final = "PM33_RAILWAY_PROJECT"
_ENVIRONMENT: Final = "PM33_RAILWAY_ENVIRONMENT"
_SERVICE: Final = "PM33_RAILWAY_SERVICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One service of one environment.

    Attributes:
        project: id, as are ``environment`` and ``service``.
        workspace: id of the workspace that owns the project, where it is told.
        plan: ``free``, ``trial``, ``hobby`` or ``pro``, where it is told.
        source: what named each part, in words.
    """

    project: str
    environment: str
    service: str
    project_name: str
    environment_name: str
    service_name: str
    workspace: str | None
    plan: str | None
    source: str

    @override
    def __str__(self) -> str:
        names = f"{self.project_name} / {self.environment_name} / {self.service_name}"
        return f"{names} ({self.source})"


async def resolve(
    api: RailwayApi, config: Config, environment: str, *, link: Link | None = None
) -> Target:
    """Turns names into ids; two requests, and more to find a project by its name.

    Of several services the one is meant that is built from a repository, where there
    is only one: an emergency may leave no more than a token. That is one more.

    A name matches exactly, else in any case, else as an id. Environments that are
    deleted or may not be accessed do not count.

    Args:
        api: asked for projects and their parts.
        config: ``PM33_RAILWAY_PROJECT``, ``_ENVIRONMENT`` and ``_SERVICE``.
        environment: ours; the name at Railway where no variable gives another.
        link: what Railway's CLI was told here; stands in for what is not said.

    Raises:
        TargetError: it is not said, ambiguous or not there; the choices are named.
        PlatformError: Railway could not be asked.
    """
    credentials = await api.credentials()
    project, by = await _project(api, config, credentials, link)
    body = (await api.ask("ProjectNames", id=project))["project"]
    own = Named(body["id"], body["name"])
    there = _environment(config, environment, body, own)
    _refuse_another(credentials, there, environment)
    same = link if link is not None and link.project == own.id else None
    service, service_by = await _service(api, config, body, own, there, same)
    named = config.deployment.railway_environment
    sources = {
        "project": by,
        "environment": _ENVIRONMENT if named else "its name",
        "service": service_by,
    }
    return Target(
        project=own.id,
        environment=there.id,
        service=service.id,
        project_name=own.name,
        environment_name=there.name,
        service_name=service.name,
        workspace=body.get("workspaceId"),
        plan=body.get("subscriptionType"),
        source=", ".join(f"{part} by {source}" for part, source in sources.items()),
    )


async def _project(
    api: RailwayApi, config: Config, credentials: Credentials, link: Link | None
) -> tuple[str, str]:
    """The id of the project, and what named it."""
    wanted, scope = config.deployment.railway_project, credentials.scope
    if scope is not None:
        own = Named(scope.project, scope.project_name)
        if wanted is not None and not own.is_called(wanted):
            raise TargetError(
                f"{credentials.words} belongs to the project {own}, and {_PROJECT}"
                " names another",
                remedy=f"take {_PROJECT} away, or use that project's token",
            )
        return own.id, credentials.source
    if wanted is not None:
        return (await find_project(api, wanted)).id, _PROJECT
    if link is not None:
        return link.project, _LINK
    raise TargetError(
        "which project at Railway is meant is not said",
        remedy=f"set {_PROJECT} to its name or id, or RAILWAY_TOKEN to a token of it",
    )


def _environment(
    config: Config, environment: str, body: Mapping[str, Any], project: Named
) -> Named:
    nodes = [edge["node"] for edge in body["environments"]["edges"]]
    choices = [
        Named(node["id"], node["name"])
        for node in nodes
        if node["canAccess"] and node["deletedAt"] is None
    ]
    wanted = config.deployment.railway_environment or str(environment)
    return the_one(choices, wanted, f"environment of {project}", _ENVIRONMENT)


async def _service(
    api: RailwayApi,
    config: Config,
    body: Mapping[str, Any],
    project: Named,
    environment: Named,
    link: Link | None,
) -> tuple[Named, str]:
    choices = [
        Named(edge["node"]["id"], edge["node"]["name"])
        for edge in body["services"]["edges"]
    ]
    what, wanted = f"service of {project}", config.deployment.railway_service
    if wanted is not None:
        return the_one(choices, wanted, what, _SERVICE), _SERVICE
    if link is not None and link.service is not None:
        return the_one(choices, link.service, what, _SERVICE), _LINK
    if len(choices) == 1:
        return choices[0], "being the only one"
    built = await _built(api, project, environment)
    found = [one for one in choices if one.id in built]
    if len(found) == 1:
        return found[0], "being the only one from a repository"
    there = ", ".join(sorted(str(one) for one in choices)) or "none"
    raise TargetError(
        f"which {what} is meant is not said; there are: {there}",
        remedy=f"set {_SERVICE} to its name or id",
    )


async def _built(api: RailwayApi, project: Named, environment: Named) -> set[str]:
    """Ids of the services that are built from a repository; databases are images."""
    try:
        data = await api.ask(
            "Sources",
            environmentId=environment.id,
            projectId=project.id,
            first=_MOST,
        )
    except PlatformUnreachableError:
        raise
    except PlatformError:
        return set()
    nodes = [edge["node"] for edge in data["environment"]["serviceInstances"]["edges"]]
    return {one["serviceId"] for one in nodes if (one["source"] or {}).get("repo")}


def _refuse_another(credentials: Credentials, there: Named, environment: str) -> None:
    """A project's token works in one environment; elsewhere nothing would be found."""
    scope = credentials.scope
    if scope is None or scope.environment == there.id:
        return
    raise TargetError(
        f"{credentials.words} belongs to the environment {scope.environment_name}, not"
        f" {there.name}",
        remedy=f"use a token of {there.name}, or set {_ENVIRONMENT} if"
        f" {scope.environment_name} is what {environment} is called at Railway",
    )
