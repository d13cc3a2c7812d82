"""What a deployment has written: one page, and then what comes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import moment
from app.backend.deploy.platforms.railway.http_logs import http_logs
from app.backend.deploy.platforms.railway.looking import Looking
from app.backend.deploy.platforms.railway.picture import understood
from app.errors import PlatformUnreachableError

__all__ = ["Logs", "line_of", "newest"]

BUILD: Final = "build"
"""Stands for a replica in lines of a build."""

_MOST: Final = 5000
_POLL: Final = 5.0
_SILENT: Final = 120.0
_REMEMBERED: Final = 2000

Raw = Mapping[str, Any]
T = TypeVar("T")


class Logs:
    """Logs of one service's deployments.

    Args:
        api: is asked.
        looking: knows whose a deployment is, and what to hide of it.
        over: whether a deployment will write nothing more.
        clock: waits between two looks.
    """

    def __init__(
        self,
        api: RailwayApi,
        looking: Looking,
        over: Callable[[str], Awaitable[bool]],
        *,
        clock: Clock,
    ) -> None:
        self._api = api
        self._over = over
        self._owning = looking.owning
        self._hiding = looking.hiding
        self._clock = clock

    async def lines(
        self, deployment: str, *, limit: int, follow: bool
    ) -> AsyncGenerator[LogLine, None]:
        """The newest lines, the oldest first; of its build where it has never run.

        Raises:
            DeploymentNotFoundError: it is nobody's.
            PlatformUnreachableError: Railway has not answered for two minutes.
        """
        most = min(limit, _MOST)
        async with self._owning(deployment):
            found = await self._ask("DeploymentLogs", deployment, limit=most)
        operation = "DeploymentLogs"
        if not found:
            found = await self._ask("BuildLogs", deployment, limit=most)
            operation = "BuildLogs"
        told = newest(found, most)
        for line in await self._hiding.lines(deployment, map(line_of, told)):
            yield line
        if follow:
            async for line in self._go_on(deployment, operation, told):
                yield line

    async def requests(
        self, deployment: str, *, failed: bool, limit: int
    ) -> tuple[LogLine, ...]:
        """What the edge has logged of requests to it; see :func:`.http_logs`.

        Raises:
            DeploymentNotFoundError: it is nobody's.
            PlatformError: Railway does not say.
        """
        async with self._owning(deployment):
            found = await http_logs(self._api, deployment, failed=failed, limit=limit)
        return await self._hiding.lines(deployment, found)

    async def _go_on(
        self, deployment: str, operation: str, told: list[Raw]
    ) -> AsyncGenerator[LogLine, None]:
        """Asks again and again from the newest line on, which it will see once more."""
        seen = dict.fromkeys(map(_key, told))
        since = told[-1]["timestamp"] if told else None
        while True:
            ended = await self._over(deployment)
            found = await self._since(since, "DeploymentLogs", deployment)
            if operation == "BuildLogs" and not found:
                found = await self._since(since, operation, deployment)
            new = [one for one in newest(found, _MOST) if _key(one) not in seen]
            lines = [line_of(one) for one in new]
            show = partial(self._hiding.lines, deployment, lines)
            for line in await self._patiently(show):
                yield line
            seen |= dict.fromkeys(map(_key, new))
            since = new[-1]["timestamp"] if new else since
            if ended:
                return
            seen = dict.fromkeys(list(seen)[-_REMEMBERED:])
            await self._clock.sleep(max(_POLL, self._api.quota.pace()))

    async def _since(
        self, since: str | None, operation: str, deployment: str
    ) -> tuple[Raw, ...]:
        return await self._patiently(
            partial(self._ask, operation, deployment, limit=_MOST, startDate=since)
        )

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        ends = self._clock.time() + _SILENT
        while True:
            try:
                return await ask()
            except PlatformUnreachableError:
                if self._clock.time() >= ends:
                    raise
            await self._clock.sleep(_POLL)

    async def _ask(
        self, operation: str, deployment: str, **more: Any
    ) -> tuple[Raw, ...]:
        given = {name: value for name, value in more.items() if value is not None}
        data = await self._api.ask(operation, deploymentId=deployment, **given)
        field = "deploymentLogs" if operation == "DeploymentLogs" else "buildLogs"
        found: tuple[Raw, ...] = understood(lambda: tuple(data[field]))
        return found


def newest(lines: Iterable[Raw], most: int) -> list[Raw]:
    """So many of the newest, each once, the oldest first.

    Railway sends one line more than it is asked for.
    """
    each = {_key(one): one for one in lines}
    ordered = sorted(each.values(), key=_order)
    return ordered[-most:] if most else []


def line_of(raw: Raw) -> LogLine:
    """A line as the pipeline has it.

    Raises:
        PlatformError: it cannot be understood.
    """
    tags = raw.get("tags") or {}
    replica = tags.get("deploymentInstanceId") or BUILD
    at = understood(lambda: moment(raw["timestamp"]))
    return LogLine(at, str(replica), str(raw["message"]).rstrip("\n"))


def _order(raw: Raw) -> tuple[str, str]:
    """By the second and its digits, of which there may be more or fewer."""
    second, _, digits = str(raw["timestamp"]).rstrip("Z").partition(".")
    return second, digits.ljust(9, "0")


def _key(raw: Raw) -> tuple[str, str]:
    """Railway gives lines no number: time and text tell them apart (FACTS §2)."""
    return str(raw["timestamp"]), str(raw["message"])
