"""The local platform as the pipeline sees it: a control socket, asked call by call."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from app.backend.deploy.platforms.base import (
    CommandResult,
    Deployment,
    LogLine,
    ReplicaAddress,
    ServiceSettings,
    TrafficCounters,
)
from app.backend.deploy.platforms.local import answers
from app.backend.deploy.platforms.local.caddy import proxy_total
from app.backend.deploy.platforms.local.caddy_config import PROBES
from app.backend.deploy.platforms.local.control import IDLE, LONGEST_LINE, error_from
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.sockets import run_dir
from app.backend.deploy.platforms.unhosted import Unhosted
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["LocalPlatform"]

T = TypeVar("T")

_REMEDY: Final = "start it with `pm33 platform up`"
_CONNECT: Final = 5.0
_ANSWER: Final = 15.0
# A commit may have to be fetched first.
_BEGIN: Final = 120.0
# Beyond the time that a command itself is given.
_RUN_MARGIN: Final = 150.0
# Streams say every IDLE seconds that they are there.
_SILENCE: Final = 3 * IDLE
# What an answer of another version may lead to.
_NOT_UNDERSTOOD: Final = (
    asyncio.LimitOverrunError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)


class LocalPlatform(Unhosted):
    """Releases as processes of this machine; see :class:`~..base.Platform`.

    Each call is one connection, so there is nothing to keep and nothing to lose when
    the supervisor is started anew.

    Args:
        home: ``PM33_HOME`` of the platform.
    """

    name = "local"
    switches_itself = False
    runs_commands = True
    restores_with_todays = True
    longest_change = 0.0

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        """See :meth:`~..base.Platform.deploy`."""
        fields = {"commit": commit, "tag": tag, "epoch": epoch}
        return await self._ask("deploy", Deployment.from_dict, fields, within=_BEGIN)

    async def deployment(self, deployment: str) -> Deployment:
        """See :meth:`~..base.Platform.deployment`."""
        fields = {"deployment": deployment}
        return await self._ask("deployment", Deployment.from_dict, fields)

    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        """See :meth:`~..base.Platform.deployments`."""
        return await self._ask("deployments", answers.deployments, {"limit": limit})

    async def follow(self, deployment: str) -> AsyncGenerator[Deployment, None]:
        """See :meth:`~..base.Platform.follow`."""
        fields = {"deployment": deployment}
        stream = self._stream("follow", Deployment.from_dict, fields)
        async with contextlib.aclosing(stream):
            async for state in stream:
                yield state

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        """See :meth:`~..base.Platform.switch`."""
        fields = {"deployment": deployment, "epoch": epoch}
        return await self._ask("switch", Deployment.from_dict, fields)

    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        """See :meth:`~..base.Platform.roll_back`."""
        fields = {"target": target, "tag": tag, "epoch": epoch, "variables": variables}
        return await self._ask("roll_back", Deployment.from_dict, fields)

    async def cancel(self, deployment: str, *, epoch: int) -> None:
        """See :meth:`~..base.Platform.cancel`."""
        await self._ask(
            "cancel", answers.nothing, {"deployment": deployment, "epoch": epoch}
        )

    async def run(
        self,
        commit: str,
        command: Sequence[str],
        *,
        epoch: int,
        timeout: float,  # noqa: ASYNC109 - enforced where the command runs
    ) -> CommandResult:
        """See :meth:`~..base.Platform.run`; hanging up ends the command."""
        fields = {
            "commit": commit,
            "command": list(command),
            "epoch": epoch,
            "timeout": timeout,
        }
        return await self._ask(
            "run", answers.result, fields, within=timeout + _RUN_MARGIN
        )

    async def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncGenerator[LogLine, None]:
        """See :meth:`~..base.Platform.logs`."""
        fields = {"deployment": deployment, "limit": limit, "follow": follow}
        stream = self._stream("logs", answers.line, fields)
        async with contextlib.aclosing(stream):
            async for line in stream:
                yield line

    async def http_logs(
        self,
        deployment: str,  # noqa: ARG002 - the proxy's log is not by deployment
        *,
        failed: bool = False,  # noqa: ARG002
        limit: int = 20,  # noqa: ARG002
    ) -> Sequence[LogLine] | None:
        """See :meth:`~..base.Platform.http_logs`."""
        return None

    async def settings(self, commit: str) -> ServiceSettings:
        """See :meth:`~..base.Platform.settings`."""
        read = ServiceSettings.from_dict
        return await self._ask("settings", read, {"commit": commit}, within=_BEGIN)

    async def variables(
        self, deployment: str | None = None
    ) -> Mapping[str, str | None]:
        """See :meth:`~..base.Platform.variables`."""
        return await self._ask(
            "variables", answers.variables, {"deployment": deployment}
        )

    async def set_variables(
        self, values: Mapping[str, str | None], *, epoch: int
    ) -> None:
        """See :meth:`~..base.Platform.set_variables`."""
        fields = {"values": dict(values), "epoch": epoch}
        await self._ask("set_variables", answers.nothing, fields)

    @property
    def variables_file(self) -> Path:
        """Where people set variables; what is told as None is the platform's own."""
        return Places(self._home).variables

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        """See :meth:`~..base.Platform.replicas`."""
        return await self._ask(
            "replicas", answers.addresses, {"deployment": deployment}
        )

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """See :meth:`~..base.Platform.traffic`."""
        return await self._ask("traffic", answers.counters, {"deployment": deployment})

    async def url(self) -> str:
        """See :meth:`~..base.Platform.url`."""
        return await self._ask("status", lambda body: str(body["url"]))

    async def entrance(self) -> Path | None:
        """See :meth:`~..base.Platform.entrance`."""
        return run_dir(self._home) / PROBES

    async def epoch(self) -> int:
        """See :meth:`~..base.Platform.epoch`."""
        return await self._ask("epoch", int)

    async def close(self) -> None:
        """Nothing is held between calls."""

    async def status(self, *, look: bool = False) -> Mapping[str, Any]:
        """What runs: the supervisor, its proxy and database, and the newest ones.

        Args:
            look: ask the replicas how they are, too; 4 s at most.
        """
        return await self._ask("status", dict[str, Any], {"look": look})

    async def stop(self) -> None:
        """Asks the platform to be down; returns before it is."""
        await self._ask("stop", answers.nothing)

    async def proxy_total(self) -> int:
        """How many requests the proxy itself has counted since it was started."""
        return await proxy_total(run_dir(self._home) / "admin.sock")

    async def _ask(
        self,
        op: str,
        read: Callable[[Any], T],
        fields: Mapping[str, Any] | None = None,
        *,
        within: float = _ANSWER,
    ) -> T:
        try:
            async with (
                asyncio.timeout(within),
                self._connection(op, fields or {}) as reader,
            ):
                return read((await _message(reader)).get("ok"))
        except TimeoutError as error:
            raise _unreachable(f"it did not answer within {within:g} s") from error

    async def _stream(
        self, op: str, read: Callable[[Any], T], fields: Mapping[str, Any]
    ) -> AsyncGenerator[T, None]:
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
                    yield read(message["item"])

    @contextlib.asynccontextmanager
    async def _connection(
        self, op: str, fields: Mapping[str, Any]
    ) -> AsyncIterator[asyncio.StreamReader]:
        path = str(run_dir(self._home) / "control.sock")
        request = json.dumps({"op": op, **fields}).encode()
        try:
            async with asyncio.timeout(_CONNECT):
                reader, writer = await asyncio.open_unix_connection(
                    path, limit=LONGEST_LINE
                )
        except (OSError, TimeoutError) as error:
            raise _unreachable(f"nobody listens for {self._home}") from error
        try:
            writer.write(request + b"\n")
            await writer.drain()
            yield reader
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _unreachable("it ended before it answered") from error
        except _NOT_UNDERSTOOD as error:
            raise PlatformError(
                f"the answer of the local platform cannot be understood ({error!r})",
                remedy="use the pm33 of the version that runs the platform",
            ) from error
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
