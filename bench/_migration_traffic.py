"""Every case each way, in rounds and in random order, beside what nobody migrates."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.errors import OpsError
from bench._migration_cases import CASES, Case, Crowd, Way, alembic_project, release
from bench._migration_database import Databases, customers_of, databases
from bench._migration_process import run_python
from bench._migration_run import Felt, Order, under_load
from bench._migration_watch import connected
from bench._progress import say
from bench._servers import ROOT

__all__ = ["measure"]

_REVISION: Final = "9000_change"
_OURS: Final = ("app.cli", "migrate", "up")
_PLAIN: Final = ("alembic", "upgrade", "head")
_BASELINE: Final = 10.0
"""Seconds of a run in which nothing is migrated."""
_QUARTER, _SECOND = 0.25, 1.0
_ATTEMPTS: Final = (
    "SELECT count(*) FROM ops.migration_attempt WHERE outcome = 'blocked'"
)


@dataclass(frozen=True, slots=True)
class _Run:
    """One of those that make a round; without a case it is the baseline."""

    crowd: Crowd
    way: Way
    case: Case | None = None

    @property
    def name(self) -> str:
        return self.case.name if self.case else str(self.crowd)


def measure(*, rows: int, rounds: int, rate: float, seed: int) -> dict[str, Any]:
    """Runs them all.

    Args:
        rows: of the table that is migrated.
        rounds: how often each.
        rate: operations a second that are due.
        seed: of the order, and of what is read and written.

    Raises:
        OpsError: a migration failed, or has not done what it was to do.
    """
    return asyncio.run(_measure(rows, rounds, rate, seed))


async def _measure(rows: int, rounds: int, rate: float, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    told: dict[_Run, list[dict[str, Any]]] = {run: [] for run in _runs()}
    felt: dict[_Run, list[Felt]] = {run: [] for run in told}
    with tempfile.TemporaryDirectory(prefix="pm33-bench-") as folder:
        async with databases() as several:
            await several.fill(rows)
            bench = _Bench(several, Path(folder))
            bench.prepare()
            for number in range(rounds):
                order = list(told)
                chance.shuffle(order)
                for run in order:
                    say(f"round {number + 1} of {rounds}: {run.way}, {run.name}")
                    load = Order(rate, rows, customers_of(rows), chance.getrandbits(32))
                    one, attempts = await bench.run(run, load)
                    felt[run].append(one)
                    told[run].append(_summary([one]) | {"blocked_attempts": attempts})
            version = several.version
    runs = [
        {
            "case": run.case.name if run.case else None,
            "crowd": str(run.crowd),
            "way": str(run.way),
            "all": _summary(felt[run]),
            "rounds": told[run],
        }
        for run in told
    ]
    return {"postgresql": version, "runs": runs}


def _runs() -> tuple[_Run, ...]:
    nobody = (_Run(crowd, Way.NOT) for crowd in Crowd)
    migrated = (_Run(c.crowd, way, c) for c in CASES for way in (Way.PLAIN, Way.OURS))
    return (*nobody, _Run(Crowd.NOBODY, Way.IDLE), *migrated)


class _Bench:
    """What the runs share.

    Args:
        several: databases to copy.
        folder: for the releases and the projects.
    """

    def __init__(self, several: Databases, folder: Path) -> None:
        self._databases = several
        self._folder = folder
        self._number = 0

    def prepare(self) -> None:
        """Makes a release for each case."""
        for place, case in enumerate(CASES):
            release(self._folder / f"release-{place}", {_REVISION: case.ours})

    async def run(self, run: _Run, load: Order) -> tuple[Felt, int | None]:
        """Runs one on a fresh copy; also how many tries were in vain, where known."""
        self._number += 1
        async with self._databases.copy(f"run_{self._number}") as url:
            happen = self._happening(run, url)
            felt = await under_load(url, load, run.crowd, happen)
            if run.case is None:
                return felt, None
            async with connected(url) as connection:
                if not await connection.fetchval(run.case.done):
                    raise OpsError(
                        f"{run.way} did not do it: {run.name}",
                        remedy="run the case's revision by hand",
                    )
                ours = run.way is Way.OURS
                return felt, await connection.fetchval(_ATTEMPTS) if ours else None

    def _happening(self, run: _Run, url: str) -> Any:
        variables = {"DATABASE_URL": url, "PM33_HOME": str(self._folder / "home")}
        if run.way is Way.IDLE:
            return partial(run_python, _OURS, ROOT, variables)
        if run.case is None:
            return partial(asyncio.sleep, _BASELINE)
        if run.way is Way.PLAIN:
            project = self._folder / f"plain-{self._number}"
            alembic_project(project, url, run.case.plain)
            return partial(run_python, _PLAIN, project, {})
        place = self._folder / f"release-{CASES.index(run.case)}"
        return partial(run_python, _OURS, place, variables)


def _summary(several: Sequence[Felt]) -> dict[str, Any]:
    """Figures of all operations of some runs taken together."""
    operations = [one for felt in several for one in felt.operations]
    seconds = sorted(one.seconds for one in operations)
    errors = Counter(one.error for one in operations if one.error is not None)
    return {
        "operations": len(operations),
        "p50": _quantile(seconds, 0.5),
        "p99": _quantile(seconds, 0.99),
        "max": _quantile(seconds, 1.0),
        "over_quarter": sum(one > _QUARTER for one in seconds),
        "over_second": sum(one > _SECOND for one in seconds),
        "errors": _sorted(errors),
        "waited": max(felt.waited for felt in several),
        "looks": sum(felt.looks for felt in several),
        "seconds": [round(felt.seconds, 3) for felt in several],
        "p99_before": _quantile(
            sorted(one.seconds for felt in several for one in felt.before), 0.99
        ),
    }


def _sorted(errors: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(errors.items()))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 5)
