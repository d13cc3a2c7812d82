"""The local platform as the pipeline sees it: a control socket, asked call by call."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.base import (
    CommandResult,
    Deployment,
    LogLine,
    ReplicaAddress,
    ServiceSettings,
    TrafficCounters,
)
from app.backend.deploy.platforms.local.caddy import proxy_total
from app.backend.deploy.platforms.local.caddy_config import PROBES
from app.backend.deploy.platforms.local.control import IDLE, LONGEST_LINE, error_from
from app.backend.deploy.platforms.local.sockets import run_dir
from app.errors import PlatformUnreachableError

__all__ = ["LocalPlatform"]

_REMEDY: Final = "start it with `pm33 platform up`"
_CONNECT: Final = 5.0
_ANSWER: Final = 15.0
# A commit may have to be fetched first.
_BEGIN: Final = 120.0
# Beyond the time that a command itself is given.
_RUN_MARGIN: Final = 150.0
# Streams say every IDLE seconds that they are there.
_SILENCE: Final = 3 * IDLE


class LocalPlatform:
    """Releases as processes of this machine; see :class:`~..base.Platform`.

    Each call is one connection, so there is nothing to keep and nothing to lose when
    the supervisor is started anew.

    Args:
        home: ``PM33_HOME`` of the platform.
    """

    name = "local"
    switches_itself = False
    runs_commands = True

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        """See :meth:`~..base.Platform.deploy`."""
        body = await self._ask("deploy", _BEGIN, commit=commit, tag=tag, epoch=epoch)
        return Deployment.from_dict(body)

    async def deployment(self, deployment: str) -> Deployment:
        """See :meth:`~..base.Platform.deployment`."""
        return Deployment.from_dict(
            await self._ask("deployment", deployment=deployment)
        )

    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        """See :meth:`~..base.Platform.deployments`."""
        found = await self._ask("deployments", limit=limit)
        return tuple(map(Deployment.from_dict, found))

    async def follow(self, deployment: str) -> AsyncGenerator[Deployment, None]:
        """See :meth:`~..base.Platform.follow`."""
        stream = self._stream("follow", deployment=deployment)
        async with contextlib.aclosing(stream):
            async for body in stream:
                yield Deployment.from_dict(body)

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        """See :meth:`~..base.Platform.switch`."""
        body = await self._ask("switch", deployment=deployment, epoch=epoch)
        return Deployment.from_dict(body)

    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        """See :meth:`~..base.Platform.roll_back`."""
        body = await self._ask(
            "roll_back", target=target, tag=tag, epoch=epoch, variables=variables
        )
        return Deployment.from_dict(body)

    async def cancel(self, deployment: str, *, epoch: int) -> None:
        """See :meth:`~..base.Platform.cancel`."""
        await self._ask("cancel", deployment=deployment, epoch=epoch)

    async def run(
        self,
        commit: str,
        command: Sequence[str],
        *,
        epoch: int,
        timeout: float,  # noqa: ASYNC109 - enforced where the command runs
    ) -> CommandResult:
        """See :meth:`~..base.Platform.run`; hanging up ends the command."""
        body = await self._ask(
            "run",
            timeout + _RUN_MARGIN,
            commit=commit,
            command=list(command),
            epoch=epoch,
            timeout=timeout,
        )
        return CommandResult(body["code"], body["output"])

    async def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncGenerator[LogLine, None]:
        """See :meth:`~..base.Platform.logs`."""
        stream = self._stream("logs", deployment=deployment, limit=limit, follow=follow)
        async with contextlib.aclosing(stream):
            async for body in stream:
                at = datetime.fromisoformat(body["at"])
                yield LogLine(at, body["replica"], body["text"])

    async def settings(self, commit: str) -> ServiceSettings:
        """See :meth:`~..base.Platform.settings`."""
        return ServiceSettings(**await self._ask("settings", _BEGIN, commit=commit))

    async def set_variables(
        self, values: Mapping[str, str | None], *, epoch: int
    ) -> None:
        """See :meth:`~..base.Platform.set_variables`."""
        await self._ask("set_variables", values=dict(values), epoch=epoch)

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        """See :meth:`~..base.Platform.replicas`."""
        found = await self._ask("replicas", deployment=deployment)
        return tuple(ReplicaAddress(o["replica"], Path(o["socket"])) for o in found)

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """See :meth:`~..base.Platform.traffic`."""
        body = await self._ask("traffic", deployment=deployment)
        return TrafficCounters(
            requests=body["requests"],
            errors=body["errors"],
            bounds=tuple(body["bounds"]),
            buckets=tuple(body["buckets"]),
        )

    async def url(self) -> str:
        """See :meth:`~..base.Platform.url`."""
        return str((await self.status())["url"])

    async def entrance(self) -> Path | None:
        """See :meth:`~..base.Platform.entrance`."""
        return run_dir(self._home) / PROBES

    async def epoch(self) -> int:
        """See :meth:`~..base.Platform.epoch`."""
        return int(await self._ask("epoch"))

    async def close(self) -> None:
        """Nothing is held between calls."""

    async def status(self) -> Mapping[str, Any]:
        """What runs: the supervisor, its proxy and database, and the newest ones."""
        status: Mapping[str, Any] = await self._ask("status")
        return status

    async def stop(self) -> None:
        """Asks the platform to be down; returns before it is."""
        await self._ask("stop")

    async def proxy_total(self) -> int:
        """How many requests the proxy itself has counted since it was started."""
        return await proxy_total(run_dir(self._home) / "admin.sock")

    async def _ask(
        self,
        op: str,
        within: float = _ANSWER,
        **fields: Any,
    ) -> Any:
        try:
            async with asyncio.timeout(within), self._connection(op, fields) as reader:
                return (await _message(reader)).get("ok")
        except TimeoutError as error:
            raise _unreachable(f"it did not answer within {within:g} s") from error

    async def _stream(self, op: str, **fields: Any) -> AsyncGenerator[Any, None]:
        async with self._connection(op, fields) as reader:
            while True:
                try:
                    async with asyncio.timeout(_SILENCE):
                        message = await _message(reader)
                except TimeoutError as error:
                    raise _unreachable(f"it was silent for {_SILENCE:g} s") from error
                if "ok" in message:
                    return
                if "item" in message:
                    yield message["item"]

    @contextlib.asynccontextmanager
    async def _connection(
        self, op: str, fields: Mapping[str, Any]
    ) -> AsyncIterator[asyncio.StreamReader]:
        path = str(run_dir(self._home) / "control.sock")
        try:
            async with asyncio.timeout(_CONNECT):
                reader, writer = await asyncio.open_unix_connection(
                    path, limit=LONGEST_LINE
                )
        except (OSError, TimeoutError) as error:
            raise _unreachable(f"nobody listens for {self._home}") from error
        try:
            writer.write(json.dumps({"op": op, **fields}).encode() + b"\n")
            await writer.drain()
            yield reader
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _unreachable("it ended before it answered") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> Mapping[str, Any]:
    message: Mapping[str, Any] = json.loads(await reader.readuntil(b"\n"))
    if "error" in message:
        raise error_from(message["error"])
    return message


def _unreachable(why: str) -> PlatformUnreachableError:
    return PlatformUnreachableError(
        f"the local platform cannot be asked: {why}", remedy=_REMEDY
    )
