"""Asks a live Railway for what its documentation leaves open; changes nothing."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from app import __version__
from app.backend.deploy.platforms.railway.api import TIMEOUT, RailwayApi
from app.backend.deploy.platforms.railway.connection import Connection
from app.backend.deploy.platforms.railway.operations import operation
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["Gathered", "gather"]

_DEEP: Final = 10
"""Deployments that are looked at."""
_EVENTS: Final = 50
_STEP: Final = 60
_HOURS: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was answered. It holds values; only :mod:`.facts` may tell of them.

    Attributes:
        headers: names of the answers' headers, in lower case.
        refusal: the body of an answer to an id that there is not.
        instance: the service instance; and
        deployments: its newest deployments, in the order in which they came.
        events: of each of these.
        snapshot: variables of the newest that has some; None: they may not be read.
        lines: how many lines came when one was asked for; None: there is no log.
        metrics: HTTP metrics of whole minutes, and when these begin.
        rules: the workspace's notification rules; None: they may not be seen.
        refused: operations that were refused, each with why.
    """

    kind: str
    headers: frozenset[str]
    refusal: Mapping[str, Any]
    instance: Mapping[str, Any]
    deployments: Sequence[Mapping[str, Any]]
    events: Mapping[str, Sequence[Mapping[str, Any]]]
    snapshot: Mapping[str, Any] | None
    sealed: Sequence[str]
    lines: int | None
    metrics: Mapping[str, Any] | None
    began: datetime
    ended: datetime
    rules: Sequence[Mapping[str, Any]] | None
    refused: Mapping[str, str] = field(default_factory=dict)


async def gather(connection: Connection, url: str) -> Gathered:
    """Asks everything, some thirty requests at most.

    Args:
        connection: to the service that is looked at.
        url: of the API, for what our own client does not show.

    Raises:
        PlatformUnreachableError: Railway does not answer.
        PlatformError, ConfigError, TargetError: nothing can be asked.
    """
    asking = _Asking(connection.api, await connection.target())
    headers, refusal = await _refused(connection.api, url)
    instance = await asking.instance()
    deployments = await asking.deployments()
    ended = datetime.now(UTC).replace(second=0, microsecond=0)
    began = ended - _HOURS
    return Gathered(
        kind=str((await connection.api.credentials()).kind),
        headers=headers,
        refusal=refusal,
        instance=instance,
        deployments=deployments,
        events={one["id"]: await asking.events(one["id"]) for one in deployments},
        snapshot=await asking.snapshot(deployments),
        sealed=await asking.sealed(),
        lines=await asking.lines(deployments),
        metrics=await asking.metrics(began, ended),
        began=began,
        ended=ended,
        rules=await asking.rules(),
        refused=asking.refused,
    )


class _Asking:
    """One question each; what is refused is remembered, and no reason to stop."""

    def __init__(self, api: RailwayApi, target: Target) -> None:
        self._api = api
        self._target = target
        self._ids = {"serviceId": target.service, "environmentId": target.environment}
        self.refused: dict[str, str] = {}

    async def ask(self, name: str, **variables: Any) -> Mapping[str, Any] | None:
        try:
            return await self._api.ask(name, **variables)
        except PlatformUnreachableError:
            raise
        except PlatformError as error:
            self.refused[name] = type(error).__name__
            return None

    async def instance(self) -> Mapping[str, Any]:
        found = await self.ask("ServiceInstance", **self._ids)
        return found["serviceInstance"] if found else {}

    async def deployments(self) -> Sequence[Mapping[str, Any]]:
        wanted = {"projectId": self._target.project, **self._ids}
        found = await self.ask("Deployments", input=wanted, first=_DEEP)
        if found is None:
            return ()
        return [edge["node"] for edge in found["deployments"]["edges"]]

    async def events(self, deployment: str) -> Sequence[Mapping[str, Any]]:
        found = await self.ask("DeploymentEvents", id=deployment, first=_EVENTS)
        if found is None:
            return ()
        return [edge["node"] for edge in found["deploymentEvents"]["edges"]]

    async def snapshot(
        self, deployments: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any] | None:
        for one in deployments[:3]:
            found = await self.ask("DeploymentSnapshot", deploymentId=one["id"])
            told = (found or {}).get("deploymentSnapshot")
            if told:
                variables: Mapping[str, Any] = told["variables"]
                return variables
        return None

    async def sealed(self) -> Sequence[str]:
        found = await self.ask(
            "VariableNames",
            environmentId=self._target.environment,
            projectId=self._target.project,
            first=100,
        )
        edges = found["environment"]["variables"]["edges"] if found else []
        return [one["node"]["name"] for one in edges if one["node"]["isSealed"]]

    async def lines(self, deployments: Sequence[Mapping[str, Any]]) -> int | None:
        for one in deployments[:3]:
            found = await self.ask("DeploymentLogs", deploymentId=one["id"], limit=1)
            if found is not None and found["deploymentLogs"]:
                return len(found["deploymentLogs"])
        return None

    async def metrics(
        self, began: datetime, ended: datetime
    ) -> Mapping[str, Any] | None:
        return await self.ask(
            "HttpTraffic",
            **self._ids,
            startDate=began.isoformat(),
            endDate=ended.isoformat(),
            stepSeconds=_STEP,
        )

    async def rules(self) -> Sequence[Mapping[str, Any]] | None:
        if self._target.workspace is None:
            return None
        found = await self.ask(
            "NotificationRules",
            workspaceId=self._target.workspace,
            projectId=self._target.project,
        )
        return found["notificationRules"] if found else None


async def _refused(
    api: RailwayApi, url: str
) -> tuple[frozenset[str], Mapping[str, Any]]:
    """How Railway refuses an id that there is not, which our own client hides.

    Raises:
        PlatformUnreachableError: it does not answer.
    """
    credentials = await api.credentials()
    headers = credentials.header() | {"user-agent": f"pm33-ops/{__version__}"}
    name = "Deployment"
    body = {
        "query": operation(name),
        "variables": {"id": str(uuid.uuid4())},
        "operationName": name,
    }
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        told = f"Railway does not answer: {type(error).__name__}"
        raise PlatformUnreachableError(told) from None
    try:
        found = answer.json()
    except json.JSONDecodeError:
        found = {}
    names = frozenset(name.lower() for name in answer.headers)
    return names, found if isinstance(found, dict) else {}
