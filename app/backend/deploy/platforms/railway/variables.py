"""Variables at Railway: what the next deployment gets, and what one was given."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.picture import understood
from app.backend.deploy.platforms.railway.tags import MARK
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.secrecy import secrets_among
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["OWN", "Variables", "next_page", "readable", "sealed_in"]

OWN: Final = frozenset({MARK, "PM33_MIGRATION_PLAN"})
"""What the pipeline sets and clears. Cleared is empty: removing a variable has no way
to say that nothing is to be deployed for it (``VariableDeleteInput``)."""

_OF_ONE: Final = frozenset(
    {
        *("RAILWAY_DEPLOYMENT_ID", "RAILWAY_SNAPSHOT_ID", "RAILWAY_REPLICA_ID"),
        *("RAILWAY_REPLICA_REGION", "RAILWAY_GIT_COMMIT_SHA", "RAILWAY_GIT_AUTHOR"),
        *("RAILWAY_GIT_BRANCH", "RAILWAY_GIT_REPO_NAME", "RAILWAY_GIT_REPO_OWNER"),
        "RAILWAY_GIT_COMMIT_MESSAGE",
    }
)
"""What Railway adds to one deployment alone (FACTS §5): nobody has set it."""
_FRESH: Final = 10.0
"""Seconds for which they are not asked for again: a plan compares and judges them, and
a failed release's log is searched for them just before its way back is chosen."""
_MOST: Final = 500
_PAGES: Final = 20
"""Of so many names, at most."""


class Variables:
    """Those of one service in one environment.

    Args:
        api: is asked.
        target: the service.
        clock: measures how old an answer is.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._clock = clock
        self._todays: tuple[float, Mapping[str, str | None]] | None = None
        self._forgotten = 0
        self._given: dict[str, Mapping[str, str | None]] = {}

    async def today(self) -> Mapping[str, str | None]:
        """Rendered, as the next deployment would be given them; some seconds old."""
        at, known = self._clock.time(), self._todays
        if known is None or at - known[0] > _FRESH:
            forgotten = self._forgotten
            known = at, await self._ask_today()
            # What was changed meanwhile the answer may not hold.
            if self._forgotten == forgotten:
                self._todays = known
        return known[1]

    async def given(self, deployment: str) -> Mapping[str, str | None]:
        """What a deployment was given; asked for once, for it does not change.

        Raises:
            PlatformError: Railway does not tell.
        """
        known = self._given.get(deployment)
        return await self._ask_given(deployment) if known is None else known

    def forget(self) -> None:
        """Something was changed: what was to come next counts no longer.

        Nor does what is being asked for, except to whoever asks.
        """
        self._todays = None
        self._forgotten += 1

    async def _ask_today(self) -> Mapping[str, str | None]:
        target = await self._target()
        service: dict[str, Any] = {
            "projectId": target.project,
            "environmentId": target.environment,
            "serviceId": target.service,
        }
        try:
            data = await self._api.ask("VariablesToday", **service, first=_MOST)
        except PlatformUnreachableError:
            raise
        except PlatformError:
            # Which ones are sealed a token may not be told; the others count more.
            data = await self._api.ask("RenderedVariables", **service)
        sealed = await self._sealed(data, target)
        found: Mapping[str, str | None] = understood(
            lambda: readable(data["variablesForServiceDeployment"], sealed)
        )
        return found

    async def stored(self) -> Mapping[str, str]:
        """As they are written: what refers to others is not resolved."""
        target = await self._target()
        data = await self._api.ask(
            "StoredVariables",
            projectId=target.project,
            environmentId=target.environment,
            serviceId=target.service,
        )
        found: Mapping[str, str] = understood(
            lambda: {
                name: value
                for name, value in data["variables"].items()
                if isinstance(value, str) and name not in _OF_ONE
            }
        )
        return found

    async def _ask_given(self, deployment: str) -> Mapping[str, str | None]:
        target, whole = await self._target(), True
        try:
            data = await self._api.ask(
                "VariablesGiven",
                deploymentId=deployment,
                projectId=target.project,
                environmentId=target.environment,
                first=_MOST,
            )
        except PlatformUnreachableError:
            raise
        except PlatformError:
            whole = False
            data = await self._api.ask("DeploymentSnapshot", deploymentId=deployment)
        snapshot = data.get("deploymentSnapshot")
        if snapshot is None:
            raise PlatformError(
                f"Railway does not tell what {deployment} was given",
                remedy="see its variables in Railway's dashboard",
            )
        sealed = await self._sealed(data, target)
        found: Mapping[str, str | None] = understood(
            lambda: readable(snapshot["variables"], sealed)
        )
        if whole:
            self._given[deployment] = found
        return found

    async def _sealed(self, data: Mapping[str, Any], target: Target) -> frozenset[str]:
        """Names of the sealed ones: what is told already, and the pages behind it."""
        found: frozenset[str] = frozenset()
        for _ in range(_PAGES):
            found |= understood(partial(sealed_in, data, target.service))
            after = understood(partial(next_page, data))
            if after is None:
                break
            data = await self._api.ask(
                "VariableNames",
                environmentId=target.environment,
                projectId=target.project,
                first=_MOST,
                after=after,
            )
        return found

    async def secrets(self, deployment: str) -> tuple[str, ...] | None:
        """What a deployment was given that nobody may see, else the next one would be.

        None: nobody can tell.

        Raises:
            PlatformUnreachableError: no answer.
        """
        for told in (partial(self.given, deployment), self.today):
            try:
                return tuple(secrets_among(await told()))
            except PlatformUnreachableError:
                raise
            except PlatformError:
                continue
        return None

    async def put(self, values: Mapping[str, str | None]) -> None:
        """Changes some, all in one request, and starts no deployment.

        Raises:
            PlatformError: refused.
            PlatformUnreachableError: they may be changed or not.
        """
        target = await self._target()
        where = {
            "projectId": target.project,
            "environmentId": target.environment,
            "serviceId": target.service,
        }
        kept = {
            name: value or ""
            for name, value in values.items()
            if value is not None or name in OWN
        }
        try:
            if kept:
                into = {**where, "variables": kept}
                how = {"skipDeploys": True, "replace": False}
                await self._api.command("VariableCollectionUpsert", input=into | how)
            for name in values.keys() - kept.keys():
                await self._api.command("VariableDelete", input={**where, "name": name})
        finally:
            self.forget()


def readable(
    values: Mapping[str, Any], sealed: frozenset[str]
) -> Mapping[str, str | None]:
    """What people have set, and what Railway adds to every deployment. Pure.

    Args:
        values: by name, as Railway gives them.
        sealed: names of those that nobody may read; they may be among the values.
    """
    shown = {
        name: None if name in sealed or value is None else str(value)
        for name, value in values.items()
        if name not in _OF_ONE and name != MARK and (value or name not in OWN)
    }
    return shown | dict.fromkeys(sealed)


def next_page(data: Mapping[str, Any]) -> str | None:
    """Behind which more names are to be had; None: these were all, or none. Pure."""
    variables = (data.get("environment") or {}).get("variables") or {}
    pages = variables.get("pageInfo") or {"hasNextPage": False}
    return str(pages["endCursor"]) if pages["hasNextPage"] else None


def sealed_in(data: Mapping[str, Any], service: str) -> frozenset[str]:
    """Names of the service's sealed variables; empty where they are not told. Pure."""

    def names() -> Iterator[str]:
        environment = data.get("environment") or {"variables": {"edges": ()}}
        for one in environment["variables"]["edges"]:
            node = one["node"]
            if node["isSealed"] and node["serviceId"] == service:
                yield str(node["name"])

    return frozenset(names())
