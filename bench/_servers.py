"""Servers as child processes: started, waited for, asked, stopped."""

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import OpsError
from bench._machine import pin

__all__ = [
    "ACCEPT",
    "ROOT",
    "Answer",
    "Server",
    "ask",
    "environment",
    "free_port",
    "running",
]

ROOT = Path(__file__).parent.parent
ACCEPT = "application/json"
START_DEADLINE = 30.0
STOP_DEADLINE = 10.0
POLL = 0.005
"""Seconds between two looks at a server that is starting."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        port: on the loopback.
        pid: of its process; its children belong to it.
        log: a file with all that it printed.
        ready: seconds from its start to its first answer with 200.
    """

    port: int
    pid: int
    log: Path
    ready: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``status`` is 0 when nothing did within the deadline."""

    status: int
    headers: Mapping[str, str]
    body: str
    seconds: float


def ask(port: int, path: str, *, method: str = "GET", timeout: float = 10.0) -> Answer:
    """One request on a connection of its own."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, headers={"accept": ACCEPT})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return Answer(0, {}, "", time.perf_counter() - began)
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, body, time.perf_counter() - began)


def environment(**extra: str) -> dict[str, str]:
    """A child's environment: nothing of the developer's own settings gets in."""
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **extra}


@contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    path: str,
    env: Mapping[str, str],
    core: int | None = None,
    settled: bool = True,
) -> Iterator[Server]:
    """Runs a server until the block ends.

    Args:
        command: what to execute; it listens on ``port`` of the loopback.
        port: a free one, see :func:`free_port`.
        path: what to ask for.
        env: its whole environment.
        core: where to pin it.
        settled: wait for a 200; else any answer will do.

    Raises:
        OpsError: it ended, or did not answer, within the deadline.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pm33-bench-") as folder,
        (Path(folder) / "log").open("wb") as log,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PM33_HOME": folder, "HOME": folder, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        pin(process.pid, core)
        try:
            ready = _await_answer(process, port, path, Path(log.name), settled=settled)
            yield Server(port, process.pid, Path(log.name), ready - began)
        finally:
            _stop(process)


def free_port() -> int:
    """A port of the loopback on which nobody listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_answer(
    process: subprocess.Popen[bytes], port: int, path: str, log: Path, *, settled: bool
) -> float:
    """Returns the moment of the first answer that counts."""
    deadline = time.perf_counter() + START_DEADLINE
    while time.perf_counter() < deadline and process.poll() is None:
        with socket.socket() as knock:
            # A refused connection is the cheapest way to ask whether it listens.
            listens = knock.connect_ex(("127.0.0.1", port)) == 0
        if listens:
            answer = ask(port, path, timeout=START_DEADLINE)
            if answer.status == http.HTTPStatus.OK or (answer.status and not settled):
                return time.perf_counter()
        time.sleep(POLL)
    printed = log.read_text(errors="replace").strip()[-1000:]
    raise OpsError(
        f"no answer that counts from {path} of {process.args!r}",
        remedy=f"it printed: {printed}",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        # It leads a session of its own, so nobody else is in its group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_DEADLINE)
