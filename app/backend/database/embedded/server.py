"""One PostgreSQL server process: its options, its port, its first connection."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from app.backend.database.embedded.binaries import Binaries
from app.backend.database.embedded.data import NAME, fresh_log, log_tail, tag_of
from app.backend.database.embedded.identity import Identity
from app.backend.processes import spawn
from app.errors import EmbeddedPostgresError

__all__ = ["SHUTDOWN", "free_port", "is_free", "spawn_server", "url_of", "wait_ready"]

# Fast shutdown, immediate shutdown, the end (PostgreSQL manual, "Shutting Down").
SHUTDOWN = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

_RETRY = 0.05
_STATEMENT_TIMEOUT = 30.0
_CLOSE_TIMEOUT = 5.0


def spawn_server(
    data: Path,
    binaries: Binaries,
    identity: Identity,
    port: int,
    *,
    log: Path,
    durable: bool,
) -> subprocess.Popen[bytes]:
    """Starts a server on 127.0.0.1 that shuts down when the calling thread dies."""
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "cluster_name": tag_of(data),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
    }
    if not durable:
        # synchronous_commit stays: killed processes lose nothing, the machine may.
        options |= {"fsync": "off", "full_page_writes": "off"}
    command = [binaries.program("postgres"), "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with fresh_log(log) as output:
        return spawn(
            command,
            death_signal=signal.SIGINT,
            identity=identity.launch,
            clean=True,
            cwd=data.parent,
            output=output.fileno(),
        )


async def wait_ready(
    port: int,
    password: str,
    alive: Callable[[], bool],
    *,
    log: Path,
    timeout: float,  # noqa: ASYNC109  # it ends a loop, and the message names it
) -> bool:
    """Waits until the server accepts a connection, and makes the database.

    Returns:
        False when the server's process ended instead.

    Raises:
        EmbeddedPostgresError: it lives but accepts none within ``timeout`` seconds.
    """
    import asyncpg  # noqa: PLC0415  # not needed until something is started

    deadline = time.monotonic() + timeout
    while alive():
        try:
            await _make_database(port, password, deadline)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if time.monotonic() >= deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not accept connections within {timeout:g} s "
                    f"({type(error).__name__}):\n{log_tail(log)}",
                    remedy="mend what the log says, or set DATABASE_URL",
                ) from error
            await asyncio.sleep(_RETRY)
        else:
            return True
    return False


async def _make_database(port: int, password: str, deadline: float) -> None:
    import asyncpg  # noqa: PLC0415  # not needed until something is started

    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=port,
        user=NAME,
        password=password,
        database="postgres",
        ssl=False,
        timeout=max(deadline - time.monotonic(), _RETRY),
    )
    try:
        known = await connection.fetchval(
            "SELECT true FROM pg_database WHERE datname = $1",
            NAME,
            timeout=_STATEMENT_TIMEOUT,
        )
        if not known:
            await connection.execute(
                f"CREATE DATABASE {NAME}", timeout=_STATEMENT_TIMEOUT
            )
    finally:
        await connection.close(timeout=_CLOSE_TIMEOUT)


def url_of(port: int, password: str) -> str:
    """Where the superuser reaches the database; the password is URL-safe."""
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


def free_port(preferred: int | None) -> int:
    """The preferred port if nobody listens there, else one that the system picks."""
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
