"""Switches as a script of an afternoon would do them: what the harness has to catch."""

import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import httpx

from app.backend.deploy.platforms.local.caddy import proxy_config
from tests.support.processes import Child, eventually
from tests.support.stage import Stage
from tests.support.switch_report import Switch

__all__ = ["NaiveStage", "NaiveSwitch", "reload", "restart"]

_SOCKET: Final = "naive.sock"


class NaiveStage:
    """One release of one replica behind a proxy with a fixed address.

    Args:
        scene: where it happens; its proxy has not been started.
    """

    def __init__(self, scene: Stage) -> None:
        self.scene = scene
        self.serving: Child | None = None
        self.number = 0

    @property
    def name(self) -> str:
        """What the newest release answers."""
        return f"n{self.number}"

    async def begin(self) -> Switch:
        """Starts the proxy and the first release."""
        await self.scene.start_proxy()
        path = self.scene.folder / _SOCKET
        began = time.monotonic()
        self.serving = await self.start(path)
        await self.send_to(path)
        return Switch(self.name, began, time.monotonic())

    async def start(self, path: Path) -> Child:
        """Starts the newest release and waits until it listens."""
        child = self.scene.start(self.name, path)
        await eventually(lambda: _listens(path))
        return child

    async def send_to(self, path: Path) -> None:
        """Reloads the proxy with another address, and nothing of what we add."""
        config = proxy_config(self.scene.places, host="127.0.0.1", port=self.scene.port)
        balance: dict[str, Any] = config["apps"]["http"]["servers"]["service"][
            "routes"
        ][0]["handle"][-1]
        for ours in ("load_balancing", "health_checks", "request_buffers"):
            del balance[ours]
        balance["upstreams"] = [{"dial": f"unix/{path}"}]
        transport = httpx.AsyncHTTPTransport(uds=str(self.scene.places.admin))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=30
        ) as admin:
            (await admin.post("/load", json=config)).raise_for_status()


NaiveSwitch = Callable[[NaiveStage], Awaitable[Switch]]


async def restart(stage: NaiveStage) -> Switch:
    """Ends the old release, then starts the new one in its place."""
    began = time.monotonic()
    assert stage.serving is not None
    stage.serving.signal(SIGTERM)
    await stage.serving.exit_code()
    stage.number += 1
    stage.serving = await stage.start(stage.scene.folder / _SOCKET)
    return Switch(stage.name, began, time.monotonic())


async def reload(stage: NaiveStage) -> Switch:
    """Starts the new release beside the old one, reloads the proxy, ends the old."""
    assert stage.serving is not None
    old = stage.serving
    stage.number += 1
    path = stage.scene.folder / f"{stage.name}.sock"
    stage.serving = await stage.start(path)
    began = time.monotonic()
    await stage.send_to(path)
    returned = time.monotonic()
    old.signal(SIGTERM)
    await old.exit_code()
    return Switch(stage.name, began, returned)


def _listens(path: Path) -> bool:
    """Whether somebody accepts connections on a unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        return visitor.connect_ex(str(path)) == 0
