"""Microseconds a call without a socket, for none, fifty and five hundred own checks."""

import json
import random
import subprocess
import sys
from statistics import median
from typing import Any, Final

from app.errors import OpsError
from bench._machine import Cores, pin
from bench._progress import say
from bench._servers import ROOT, environment

__all__ = ["CHECKS", "measure"]

CHECKS: Final = (0, 50, 500)
DEADLINE = 120.0
SECONDS = 1.5


def measure(*, rounds: int, cores: Cores, order: random.Random) -> dict[str, Any]:
    """Runs a process for each number of checks and round.

    The bare application is called in the same process and in turn, so that the limit
    (twice its time plus one microsecond) is one of the same moment.

    Returns:
        What each process told, and each number's medians over the rounds.
    """
    told: dict[int, list[dict[str, Any]]] = {count: [] for count in CHECKS}
    for number in range(rounds):
        say(f"in process: round {number + 1} of {rounds}")
        for count in order.sample(CHECKS, len(CHECKS)):
            told[count].append(_run(count, cores))
    return {
        "runs": {str(count): runs for count, runs in told.items()},
        "summary": {str(count): _summary(runs) for count, runs in told.items()},
    }


def _run(count: int, cores: Cores) -> dict[str, Any]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench._calls", str(count), str(SECONDS)],
        cwd=ROOT,
        env=environment(),
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
        raise OpsError(f"the timing of {count} checks failed", remedy=err[-800:])
    run: dict[str, Any] = json.loads(out)
    return run


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    calls = {
        name: {
            kind: round(median(run["calls"][name][kind] for run in runs), 3)
            for kind in ("best", "median")
        }
        for name in runs[0]["calls"]
    }
    return {"registered": runs[0]["checks"], "calls": calls}
