"""Real releases behind a real Caddy, without a supervisor: switched by hand."""

import asyncio
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.local.caddy import ProxyPlaces, start_proxy
from app.backend.deploy.platforms.local.probing import get
from app.backend.deploy.platforms.local.sockets import lay_out, point
from tests.support.processes import Child, start
from tests.support.service import until
from tests.support.switch_report import Switch

__all__ = ["LEDGER_APP", "PM33_SERVE", "Release", "Stage", "free_port", "stage"]

LEDGER_APP: Final = ("-m", "tests.support.ledger_app")
PM33_SERVE: Final = ("-m", "app.cli", "serve")
_MOUNTED: Final = {
    "PM33_MOUNT": "tests.support.ledger_app:app",
    "PM33_LAME_DUCK": "0",
    "HEALTH_LAG_WARNING": "60",
}
_ANSWER: Final = 5.0


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Release:
    """A release that runs."""

    name: str
    folder: Path
    replicas: Sequence[Child]

    def sockets(self) -> list[Path]:
        """Where its replicas listen."""
        return [self.folder / f"{i}.sock" for i in range(len(self.replicas))]


class Stage:
    """A proxy, and the releases that were brought up behind it.

    Attributes:
        folder: takes its files; its path is short.
        places: the proxy's.
        port: where it listens on 127.0.0.1.
        ledger: what the releases have executed.
    """

    def __init__(self, folder: Path, stack: ExitStack, command: Sequence[str]) -> None:
        self.folder = folder
        self.places = ProxyPlaces(
            config=folder / "caddy.json",
            log=folder / "caddy.log",
            access_log=folder / "access.log",
            admin=folder / "admin.sock",
            active=folder / "active",
        )
        self.port = free_port()
        self.ledger = folder / "ledger"
        self._stack = stack
        self._command = command

    async def start_proxy(self) -> subprocess.Popen[bytes]:
        """Starts Caddy; it ends with the stage."""
        process = await start_proxy(
            self.places,
            host="127.0.0.1",
            port=self.port,
            death_signal=signal.SIGKILL,
        )
        self._stack.callback(_end, process)
        return process

    async def bring_up(self, name: str, replicas: int = 1) -> Release:
        """Starts a release, and waits until each replica answers, as the platform does.

        Some servers listen before the application has started; ended meanwhile, they
        lose what waits in the queue.
        """
        folder = self.folder / name
        sockets = lay_out(folder, replicas)
        children = [self.start(name, path) for path in sockets]
        for path in sockets:
            await until(partial(_answers, path))
        return Release(name, folder, children)

    def start(self, name: str, path: Path) -> Child:
        """Starts one replica; it ends with the stage."""
        env: Mapping[str, str] = {
            **(_MOUNTED if self._command == PM33_SERVE else {}),
            "LEDGER": str(self.ledger),
            "LEDGER_RELEASE": name,
            "PM33_SOCKET": str(path),
            "PM33_HOME": str(self.folder / "home"),
        }
        output = self.folder / f"{name}-{path.stem}.out"
        return self._stack.enter_context(start(self._command, output=output, env=env))

    def switch(self, release: Release) -> Switch:
        """Switches as the local platform does."""
        began = time.monotonic()
        point(self.places.active, release.folder)
        return Switch(release.name, began, time.monotonic())

    async def retire(self, release: Release, after: float = 1.0) -> None:
        """Ends a release as the local platform does: SIGTERM, some time later."""
        await asyncio.sleep(after)
        for replica in release.replicas:
            replica.signal(signal.SIGTERM)
        for replica in release.replicas:
            await replica.exit_code()


async def _answers(path: Path) -> bool:
    return (await get(path, "/", timeout=_ANSWER)).ok


@contextmanager
def stage(command: Sequence[str] = LEDGER_APP) -> Iterator[Stage]:
    """A stage in a folder of its own; nothing of it is left afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="pm33s-", dir="/tmp") as folder,
        ExitStack() as stack,
    ):
        yield Stage(Path(folder), stack, command)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
