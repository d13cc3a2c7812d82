"""Load on one URL for a few seconds: by ``wrk`` where it is, else by a client of ours.

Both keep a fixed number of connections alive and send the next request when an answer
is complete. What they can send bounds requests per second, not requests per second of
the server's CPU, which is what is compared.
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from app.errors import OpsError
from bench._machine import Cores, cpu_seconds, pin
from bench._servers import ACCEPT, ROOT, Server

__all__ = ["CONNECTIONS", "Window", "generator", "load"]

CONNECTIONS = 64
_SPARE = 20.0
"""Seconds that a generator may take beyond its own, before it is given up."""


@dataclass(frozen=True, slots=True)
class Window:
    """One server under load for a few seconds.

    Attributes:
        requests: answered with 200.
        failures: answered otherwise, or not at all.
        seconds: on the clock.
        cpu: seconds of the server's process and its children, user and system.
    """

    requests: int
    failures: int
    seconds: float
    cpu: float

    @property
    def per_cpu_second(self) -> float:
        """Requests per second of the server's CPU."""
        return self.requests / self.cpu


def generator() -> str:
    """Which generator is used on this machine."""
    return "wrk" if shutil.which("wrk") else "bench._load_client"


def load(server: Server, path: str, *, seconds: float, cores: Cores) -> Window:
    """Loads one path of a running server.

    Raises:
        OpsError: the generator failed, or nothing was answered.
    """
    wrk = shutil.which("wrk")
    url = f"http://127.0.0.1:{server.port}{path}"
    command = (
        [
            *(wrk, "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{round(seconds)}s", "--header", f"accept: {ACCEPT}", url),
        ]
        if wrk
        else [
            *(sys.executable, "-m", "bench._load_client"),
            *(str(server.port), path, str(CONNECTIONS), str(seconds)),
        ]
    )
    before = cpu_seconds(server.pid)
    printed = _run(command, seconds=seconds, core=cores.client)
    cpu = cpu_seconds(server.pid) - before
    requests, failures, took = (_read_wrk if wrk else _read_client)(printed)
    if not requests:
        raise OpsError(
            f"no request for {path} was answered with 200 under load",
            remedy=f"the generator said: {printed.strip()[-500:]}",
        )
    return Window(requests, failures, took, cpu)


def _run(command: list[str], *, seconds: float, core: int | None) -> str:
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        pin(process.pid, core)
        try:
            out, err = process.communicate(timeout=seconds + _SPARE)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise OpsError("the load generator failed", remedy=err.strip()[-500:])
    return out


def _read_client(printed: str) -> tuple[int, int, float]:
    told = json.loads(printed)
    return told["requests"], told["failures"], told["seconds"]


def _read_wrk(printed: str) -> tuple[int, int, float]:
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", printed)
    if total is None:
        raise OpsError(
            f"wrk said something else: {printed.strip()[-500:]}",
            remedy="take it off PATH; the bench has a generator of its own",
        )
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0}[total[3]]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    errors = re.search(r"Socket errors: (.*)", printed)
    broken = sum(map(int, re.findall(r"\d+", errors[1]))) if errors else 0
    refused = int(bad[1]) if bad else 0
    return int(total[1]) - refused, refused + broken, float(total[2]) * unit
