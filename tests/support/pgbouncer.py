"""A real PgBouncer in front of a real PostgreSQL."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlsplit

import pytest

from app.backend.database.embedded.identity import NOBODY
from tests.support.postgres import open_home

__all__ = ["pooled"]

_PATIENCE = 20.0


@asynccontextmanager
async def pooled(url: str, mode: str) -> AsyncIterator[str]:
    """The URL of the same database behind a pooler of this mode."""
    parts = urlsplit(url)
    port = _free_port()
    with open_home() as home:
        _configure(home, url, port, mode)
        process = subprocess.Popen(  # noqa: ASYNC220 - asyncio's own has no user=
            [_program(), str(home / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=NOBODY if os.geteuid() == 0 else None,
        )
        try:
            await _listens(port, process)
            place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
            yield parts._replace(netloc=place).geturl()
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.fail("PgBouncer is not here: apt-get install pgbouncer")
    return found


def _configure(home: Path, url: str, port: int, mode: str) -> None:
    parts = urlsplit(url)
    users, settings = home / "users.txt", home / "pgbouncer.ini"
    users.write_text(f'"{parts.username}" "{parts.password}"\n', encoding="utf-8")
    text = f"""\
        [databases]
        * = host={parts.hostname} port={parts.port}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {users}
        pool_mode = {mode}
        default_pool_size = 5
        """
    settings.write_text(dedent(text), encoding="utf-8")
    for file in (users, settings):
        file.chmod(0o644)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def _listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        assert process.poll() is None, "PgBouncer has ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < ends, "PgBouncer does not listen"
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
