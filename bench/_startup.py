"""Start to the first 200, memory at rest, and the time of one ``pm33 health --url``."""

import random
import subprocess
import sys
import time
from dataclasses import asdict, replace
from statistics import median
from typing import Any

from app.errors import OpsError
from bench._dependencies import dependencies
from bench._machine import Cores, cpu_seconds, memory
from bench._progress import say
from bench._servers import Server, environment
from bench._subjects import FASTAPI, SERVICE, serve
from bench._vendors import vendors

__all__ = ["WITH_DEPENDENCIES", "WITH_VENDORS", "measure"]

WITH_DEPENDENCIES = f"{SERVICE.name}, PostgreSQL and cache connected"
WITH_VENDORS = f"{SERVICE.name}, 10 vendors (13 credentials) asked every second"
IDLE = 10.0
COMMAND_DEADLINE = 30.0
_STARTS = ((SERVICE, "/api/health/live"), (FASTAPI, FASTAPI.path))


def measure(*, starts: int, cores: Cores, order: random.Random) -> dict[str, Any]:
    """Starts the service and a bare FastAPI application in turn, then looks at them."""
    seconds: dict[str, list[float]] = {subject.name: [] for subject, _ in _STARTS}
    for number in range(starts + 1):
        say(f"start: {number or 'warm-up'}{f' of {starts}' if number else ''}")
        for subject, path in order.sample(_STARTS, len(_STARTS)):
            with serve(subject, path=path, core=cores.server) as server:
                # The first start of each compiles and reads what later ones find.
                if number:
                    seconds[subject.name].append(server.ready)
    idle, command = _rest(starts, cores)
    medians = {name: round(median(took), 3) for name, took in seconds.items()}
    return {
        "starts": seconds,
        "start_median_s": medians,
        "start_extra_s": round(medians[SERVICE.name] - medians[FASTAPI.name], 3),
        "idle": idle,
        "command_s": command,
        "command_median_s": {name: round(median(t), 3) for name, t in command.items()},
    }


def _rest(times: int, cores: Cores) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Everybody at rest, and the command against the service while it runs."""
    idle = {}
    say("at rest")
    with serve(FASTAPI, core=cores.server) as server:
        idle[FASTAPI.name] = _at_rest(server)
    with serve(SERVICE, core=cores.server) as server:
        idle[SERVICE.name] = _at_rest(server)
        say("pm33 health --url")
        command = _command_times(server, times)
    with dependencies() as env, serve(SERVICE, core=cores.server, env=env) as server:
        say("at rest, with PostgreSQL and a cache")
        idle[WITH_DEPENDENCIES] = _at_rest(server)
    with vendors() as fakes:
        env = {**SERVICE.env, **fakes.variables}
        with serve(replace(SERVICE, env=env), core=cores.server) as server:
            say("with all vendors")
            idle[WITH_VENDORS] = {**_at_rest(server), "asked": fakes.asked}
    return idle, command


def _at_rest(server: Server) -> dict[str, float | None]:
    before = cpu_seconds(server.pid)
    time.sleep(IDLE)
    used = cpu_seconds(server.pid) - before
    held = asdict(memory(server.pid))
    return {**held, "cpu_share": used / IDLE}


def _command_times(server: Server, times: int) -> dict[str, list[float]]:
    """``pm33 health --url``, and what an interpreter that does nothing takes."""
    url = f"http://127.0.0.1:{server.port}"
    commands = {
        "pm33 health --url": ["-m", "app.cli", "health", "--url", url],
        "python -c pass": ["-c", "pass"],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times):
        for name, arguments in commands.items():
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, *arguments],
                env=environment(),
                timeout=COMMAND_DEADLINE,
                capture_output=True,
                text=True,
                check=False,
            )
            found[name].append(time.perf_counter() - began)
            if done.returncode:
                raise OpsError(f"{name} failed", remedy=done.stderr.strip()[-500:])
    return found
