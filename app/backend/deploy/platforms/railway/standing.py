"""How a service stands at Railway: what serves, how it is set, what came before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.shield import until_of
from app.backend.deploy.platforms.railway.target import Target

__all__ = ["Standing", "VariableName", "standing", "variable_names"]

_LATEST: Final = 5
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_GONE: Final = frozenset({"REMOVED", "REMOVING"})
_SETTINGS: Final = {
    "healthcheckPath": "health check",
    "healthcheckTimeout": "health check in seconds",
    "overlapSeconds": "overlap in seconds",
    "drainingSeconds": "draining in seconds",
    "restartPolicyType": "restarts",
    "restartPolicyMaxRetries": "restarts at most",
    "preDeployCommand": "pre-deploy command",
    "startCommand": "start command",
    "cronSchedule": "cron",
    "sleepApplication": "sleeps when idle",
    "numReplicas": "replicas",
    "region": "region",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One service of one environment.

    Attributes:
        active: what serves, the newest first; two while they overlap.
        instances: states of the replicas of what serves, and how many are in each.
        settings: those stored for the next deployment, by what they are called.
        latest: the newest deployments, the newest first.
        domains: where users go, without ``https://``.
        shield: until when machines are kept out; None: they are not.
    """

    active: tuple[Mapping[str, Any], ...]
    instances: Mapping[str, int]
    settings: Mapping[str, Any]
    latest: tuple[Mapping[str, Any], ...]
    domains: tuple[str, ...]
    shield: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        shield = self.shield.isoformat() if self.shield else None
        return asdict(self) | {"shield": shield}


@dataclass(frozen=True, slots=True)
class VariableName:
    """A variable that is set, without its value.

    Attributes:
        sealed: nobody can read its value.
        shared: it belongs to the environment, not to the service.
    """

    name: str
    sealed: bool
    shared: bool


async def standing(api: RailwayApi, target: Target, now: datetime) -> Standing:
    """Asks for it; two requests.

    Raises:
        PlatformError: Railway does not say.
    """
    ids: dict[str, Any] = {
        "serviceId": target.service,
        "environmentId": target.environment,
    }
    body = await api.ask("ServiceInstance", **ids)
    wanted = {"projectId": target.project, **ids}
    listed = await api.ask("Deployments", input=wanted, first=_LATEST)
    nodes = [edge["node"] for edge in listed["deployments"]["edges"]]
    nodes.sort(key=lambda one: one["createdAt"], reverse=True)
    return standing_of(body["serviceInstance"], nodes, now)


def standing_of(
    instance: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], now: datetime
) -> Standing:
    """From what Railway has answered. Pure."""
    active = sorted(
        instance["activeDeployments"], key=lambda one: one["createdAt"], reverse=True
    )
    states = [
        one["status"]
        for deployment in active[:1]
        for one in deployment["instances"]
        if one["status"] not in _GONE
    ]
    return Standing(
        active=tuple(
            {"id": one["id"], "status": one["status"], "created_at": one["createdAt"]}
            for one in active
        ),
        instances={one: states.count(one) for one in sorted(set(states))},
        settings=dict(_settings(instance)),
        latest=tuple(map(_told, nodes)),
        domains=tuple(
            one["domain"]
            for kind in ("customDomains", "serviceDomains")
            for one in instance["domains"][kind]
        ),
        shield=until_of(instance.get("edgeConfig"), now),
    )


async def variable_names(api: RailwayApi, target: Target) -> tuple[VariableName, ...]:
    """The names of what a deployment would be given; values are not even asked for.

    What Railway itself adds (``RAILWAY_…``) is not among them.

    Raises:
        PlatformError: Railway does not say.
    """
    found: dict[str, VariableName] = {}
    after: str | None = None
    for _ in range(_MOST_PAGES):
        body = await api.ask(
            "VariableNames",
            environmentId=target.environment,
            projectId=target.project,
            first=_PAGE,
            after=after,
        )
        page = body["environment"]["variables"]
        for node in (edge["node"] for edge in page["edges"]):
            if node["serviceId"] not in {None, target.service}:
                continue
            shared = node["serviceId"] is None
            # The service's own beats the environment's.
            if not shared or node["name"] not in found:
                one = VariableName(node["name"], bool(node["isSealed"]), shared)
                found[one.name] = one
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return tuple(sorted(found.values(), key=lambda one: one.name))


def _settings(instance: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field_name, words in _SETTINGS.items():
        value = instance.get(field_name)
        if value not in (None, False, []):
            yield words, value


def _told(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = node.get("meta") or {}
    return {
        "id": node["id"],
        "status": node["status"],
        "commit": str(meta.get("commitHash") or ""),
        "created_at": node["createdAt"],
        "can_roll_back": bool(node["canRollback"]),
    }
