"""What a deployment has written: one page, and then what comes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import moment
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


class Logs:
    """Logs of one service's deployments.

    Args:
        api: is asked.
        over: whether a deployment will write nothing more.
        clock: waits between two looks.
    """

    def __init__(
        self,
        api: RailwayApi,
        over: Callable[[str], Awaitable[bool]],
        *,
        clock: Clock,
    ) -> None:
        self._api = api
        self._over = over
        self._clock = clock

    async def lines(
        self, deployment: str, *, limit: int, follow: bool
    ) -> AsyncGenerator[LogLine, None]:
        """The newest lines, the oldest first; of its build where it has never run.

        Raises:
            PlatformUnreachableError: Railway has not answered for two minutes.
        """
        most = min(limit, _MOST)
        found = await self._ask("DeploymentLogs", deployment, limit=most)
        operation = "DeploymentLogs"
        if not found:
            found = await self._ask("BuildLogs", deployment, limit=most)
            operation = "BuildLogs"
        told = newest(found, most)
        for one in told:
            yield line_of(one)
        if follow:
            async for line in self._go_on(deployment, operation, told):
                yield line

    async def _go_on(
        self, deployment: str, operation: str, told: list[Raw]
    ) -> AsyncGenerator[LogLine, None]:
        """Asks again and again from the newest line on, which it will see once more."""
        seen = dict.fromkeys(map(_key, told))
        since = told[-1]["timestamp"] if told else None
        while True:
            ended = await self._over(deployment)
            found = await self._patiently("DeploymentLogs", deployment, since)
            if operation == "BuildLogs" and not found:
                found = await self._patiently(operation, deployment, since)
            for one in newest(found, _MOST):
                if _key(one) not in seen:
                    seen[_key(one)] = None
                    since = one["timestamp"]
                    yield line_of(one)
            if ended:
                return
            seen = dict.fromkeys(list(seen)[-_REMEMBERED:])
            await self._clock.sleep(max(_POLL, self._api.quota.pace()))

    async def _patiently(
        self, operation: str, deployment: str, since: str | None
    ) -> tuple[Raw, ...]:
        ends = self._clock.time() + _SILENT
        while True:
            try:
                return await self._ask(
                    operation, deployment, limit=_MOST, startDate=since
                )
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
