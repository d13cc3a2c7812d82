"""How long checks hold the event loop, and whether one that hangs delays another."""

import json
import subprocess
import sys
from statistics import median
from typing import Any, Final

from app.errors import OpsError
from bench._dependencies import dependencies
from bench._machine import Cores, pin
from bench._progress import say
from bench._servers import ROOT, environment
from bench._vendors import HANGING, vendors
from tests.support.vendor_classes import VOICES_OF

__all__ = ["ALL", "HANGS", "NOTHING", "measure"]

NOTHING: Final = "nothing configured"
ALL: Final = "10 vendors (13 credentials) asked every second, and PostgreSQL"
HANGS: Final = f"the same, and {HANGING} never answers"
SECONDS: Final = 6.0
DEADLINE = 60.0


def measure(*, rounds: int, cores: Cores) -> dict[str, Any]:
    """Runs the health system in a process of its own, each way in turn."""
    runs: dict[str, list[dict[str, Any]]] = {NOTHING: [], ALL: [], HANGS: []}
    for number in range(rounds):
        say(f"loop: round {number + 1} of {rounds}")
        runs[NOTHING].append(_run({}, cores))
        for name in (ALL, HANGS):
            with dependencies() as env, vendors() as fakes:
                if name == HANGS:
                    fakes.hang()
                run = _run(env | fakes.variables, cores)
                runs[name].append(run | {"asked": fakes.asked})
    return {
        "runs": runs,
        "summary": {name: _summary(told) for name, told in runs.items()},
    }


def _run(env: dict[str, str], cores: Cores) -> dict[str, Any]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench._loop_child", str(SECONDS)],
        cwd=ROOT,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        pin(process.pid, cores.server)
        try:
            out, err = process.communicate(timeout=DEADLINE)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise OpsError("the loop could not be watched", remedy=err[-800:])
    run: dict[str, Any] = json.loads(out)
    return run


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    gaps = [
        gap
        for run in runs
        for name, gap in run["gaps"].items()
        if name in VOICES_OF and name != HANGING
    ]
    return {
        "first_ms": median(run["first_ms"] for run in runs),
        "later_ms": median(run["later_ms"] for run in runs),
        "work_ms": max(run["work_ms"] for run in runs),
        "gap_s": round(max(gaps), 2) if gaps else None,
    }
