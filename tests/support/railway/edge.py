"""The edge: a real Caddy between users and whatever deployment serves."""

import signal
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.local.caddy import ProxyPlaces, start_proxy
from app.backend.deploy.platforms.local.sockets import SLOTS
from tests.support.railway.containers import LOOPBACK
from tests.support.railway.edge_config import NAME, Manner, edge_config, manner_file
from tests.support.railway.edge_log import EdgeLog
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.ports import free_port_for_releases

__all__ = ["Edge"]

_NOBODY: Final = "nobody"


class Edge:
    """Sends each request to any replica of the deployment that serves.

    Args:
        folder: to be made, for its files; its path is short, for the socket in it.

    Attributes:
        url: where users go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places = ProxyPlaces(
            config=folder / "caddy.json",
            log=folder / "caddy.log",
            access_log=folder / "access.log",
            admin=folder / "admin.sock",
            active=folder / "active",
        )
        self._port = free_port_for_releases()
        self._process: subprocess.Popen[bytes] | None = None
        self._owners: dict[int, tuple[str, int]] = {}
        self._log = EdgeLog(self._places.access_log, self._owners.get)
        self._shielded, self._aimed = False, True
        self.url = f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Its process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Starts it; nobody is served yet.

        Raises:
            PlatformError: there is no Caddy, or it does not start.
        """
        self._folder.mkdir(mode=0o700)
        self._name(_NOBODY, "")
        self.switch(None)
        self._behave()
        self._process = await start_proxy(
            self._places,
            host=LOOPBACK,
            port=self._port,
            death_signal=signal.SIGKILL,
            config=edge_config(self._places, host=LOOPBACK, port=self._port),
        )

    def admit(self, deployment: str, ports: Sequence[int]) -> None:
        """Gets to know a deployment, by the ports of its replicas from 0 on."""
        self._owners |= {port: (deployment, n) for n, port in enumerate(ports)}
        self._name(deployment, deployment)
        self.reach(deployment, ports)

    def reach(self, deployment: str, ports: Sequence[int]) -> None:
        """Where its requests go to from now on, at random.

        Every slot holds one of them, and twelve slots are shared fairly by 1, 2, 3, 4,
        6 or 12 replicas.
        """
        for slot in range(SLOTS):
            address = f"{LOOPBACK}:{ports[slot % len(ports)]}"
            _replace(self._folder / deployment / str(slot), address)

    def switch(self, deployment: str | None) -> None:
        """Sends every request there from now on, at once; None: nowhere."""
        draft = self._places.active.with_suffix(".draft")
        draft.symlink_to(deployment or _NOBODY)
        draft.replace(self._places.active)

    def shield(self, *, on: bool) -> None:
        """Whether all are taken for attackers until they have solved a challenge."""
        self._shielded = on
        self._behave()

    def aim(self, *, right: bool) -> None:
        """Whether the domain's target port is the one that replicas listen on."""
        self._aimed = right
        self._behave()

    def served(self, since: datetime, until: datetime) -> list[EdgeRequest]:
        """What was answered from ``since`` to before ``until``, the oldest first."""
        return self._log.served(since, until)

    def close(self) -> None:
        """Ends it at once; harmless when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _name(self, folder: str, deployment: str) -> None:
        (self._folder / folder).mkdir()
        _replace(self._folder / folder / NAME, deployment)

    def _behave(self) -> None:
        manner = Manner.SERVES if self._aimed else Manner.WRONG_PORT
        manner = Manner.CHALLENGE if self._shielded else manner
        _replace(manner_file(self._places), manner)


def _replace(path: Path, text: str) -> None:
    """In one step: whoever reads it reads the whole."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
