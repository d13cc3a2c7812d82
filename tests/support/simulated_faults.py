"""Everything that a watch has to be right about, simulated many times.

Run as a module, it prints how long each fault takes to be found, and how often a good
release is blamed:

    python -m tests.support.simulated_faults 300
"""

import asyncio
import random
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.verdict import Verdict
from app.backend.deploy.watching.watch import WatchReport, watch
from tests.support.simulated_release import (
    BAKE,
    EXPECTED,
    FAULT_AT,
    Fault,
    PatientClock,
    SimulatedRelease,
    World,
    baseline_of,
)

__all__ = ["FAULTS", "Tally", "simulate", "table"]


@dataclass(frozen=True, slots=True)
class Tally:
    """Many bakes with one fault."""

    fault: Fault
    verdicts: Mapping[Verdict, int]
    delays: tuple[float, ...]
    rules: Mapping[str, int]

    @property
    def right(self) -> int:
        """How many came to a right verdict."""
        return sum(self.verdicts.get(one, 0) for one in self.fault.verdicts)

    @property
    def early(self) -> int:
        """How many blamed the release before there was a fault."""
        return sum(delay < 0 for delay in self.delays)

    def delay(self, share: float) -> float | None:
        """Seconds from the fault to the verdict ``fail``; None: nobody said so."""
        found = sorted(self.delays)
        return found[min(len(found) - 1, int(share * len(found)))] if found else None


async def simulate(fault: Fault, runs: int, limits: Limits | None = None) -> Tally:
    """Many bakes, each with a seed of its own."""
    limits = limits or Limits()
    bakes = [await _bake(fault, seed, limits) for seed in range(runs)]
    return Tally(
        fault=fault,
        verdicts=Counter(report.verdict for report, _ in bakes),
        delays=tuple(
            ended - FAULT_AT
            for report, ended in bakes
            if report.verdict is Verdict.FAIL
        ),
        rules=Counter(str(report.rule) for report, _ in bakes),
    )


async def _bake(fault: Fault, seed: int, limits: Limits) -> tuple[WatchReport, float]:
    """One watch, and when it ended."""
    # The rounds fall differently each time, beside the fault and the checks' looks.
    offset = random.Random(seed).uniform(0, limits.interval)  # noqa: S311 - repeatable
    clock = PatientClock(offset)
    report = await watch(
        SimulatedRelease(fault, seed, clock),
        expected=EXPECTED,
        seconds=BAKE,
        limits=limits,
        baseline=baseline_of(),
        clock=clock,
    )
    return report, clock.now


def _crash_loop(since: float) -> World:
    """Every replica runs for 8 s and is away for 2."""
    cycle, phase = divmod(since, 10.0)
    started = FAULT_AT + cycle * 10.0
    up = frozenset(range(4)) if phase < 8 else frozenset()
    return World(up=up, born=dict.fromkeys(range(4), started))


def _brief_outage(since: float) -> World:
    return World(down=frozenset({"database"}) if since < 60 else frozenset())


_INCONCLUSIVE = frozenset({Verdict.INCONCLUSIVE})
_NOT_FAIL = frozenset({Verdict.OK, Verdict.INCONCLUSIVE})
_GOOD = frozenset({Verdict.OK})
_ALL = dict.fromkeys(range(4), 1.0)
_SOME = dict.fromkeys(range(4), 0.3)

FAULTS: Sequence[Fault] = (
    Fault(name="healthy, no noise", at=lambda _: World(), verdicts=_GOOD, noise=0.0),
    Fault(name="healthy, 0.1 % noise", at=lambda _: World(), verdicts=_GOOD),
    Fault(
        name="healthy, 0.5 % noise",
        at=lambda _: World(),
        verdicts=_GOOD,
        noise=0.005,
    ),
    Fault(
        name="healthy, 2 bursts/h of 8 s",
        at=lambda _: World(),
        verdicts=_GOOD,
        bursts=2.0,
    ),
    Fault(name="dead", at=lambda _: World(up=frozenset()), within=40),
    Fault(
        name="dead, public way only",
        at=lambda _: World(up=frozenset()),
        sockets=False,
        replicas=1,
        within=40,
    ),
    Fault(
        name="platform says CRASHED",
        at=lambda _: World(up=frozenset(), status=DeploymentStatus.CRASHED),
        within=10,
    ),
    Fault(name="500s, health smiles", at=lambda _: World(route_errors=_ALL), within=40),
    Fault(name="slow", at=lambda _: World(latency=0.9), within=50),
    Fault(name="30 % errors", at=lambda _: World(route_errors=_SOME), within=90),
    Fault(
        name="30 % errors, public way only",
        at=lambda _: World(route_errors=_SOME),
        sockets=False,
        replicas=1,
        rps=0,
        within=210,
    ),
    Fault(name="wrong commit", at=lambda _: World(commit="decade5"), within=10),
    Fault(name="crash loop", at=_crash_loop, within=60),
    Fault(
        name="one of four dead",
        at=lambda _: World(up=frozenset({0, 1, 3})),
        within=40,
    ),
    Fault(
        name="one of four 500s",
        at=lambda _: World(route_errors={2: 1.0}),
        within=40,
    ),
    Fault(
        name="one of four 500s, public way only",
        at=lambda _: World(route_errors={2: 1.0}),
        sockets=False,
        rps=0,
        within=150,
    ),
    Fault(
        name="5 % on a route nobody probes",
        at=lambda _: World(users_fail=0.05),
        within=240,
    ),
    Fault(
        name="database down",
        at=lambda _: World(down=frozenset({"database"})),
        verdicts=_INCONCLUSIVE,
    ),
    Fault(
        name="database down for a minute",
        at=_brief_outage,
        verdicts=_GOOD,
    ),
    Fault(
        name="vendor down",
        at=lambda _: World(down=frozenset({"vendor"})),
        verdicts=_INCONCLUSIVE,
    ),
    *(
        Fault(
            name=f"own network loses {share:.0%}",
            at=lambda _, share=share: World(lost=share),  # type: ignore[misc]
            verdicts=_NOT_FAIL,
            sockets=False,
            noise=0.0,
        )
        for share in (0.05, 0.2, 0.5, 1.0)
    ),
    Fault(
        name="proxy dead, replicas well",
        at=lambda _: World(front=False),
        verdicts=_NOT_FAIL,
    ),
)


def table(tallies: Iterable[Tally]) -> str:
    """For a reader."""
    heading = (
        f"{'fault':34} {'right':>9} {'fail':>5} {'ok':>5} {'inc':>5} {'early':>6} "
        f"{'p50 s':>7} {'p95 s':>7}  by"
    )
    lines = [heading]
    for tally in tallies:
        total = sum(tally.verdicts.values())
        counts = [
            tally.verdicts.get(one, 0)
            for one in (Verdict.FAIL, Verdict.OK, Verdict.INCONCLUSIVE)
        ]
        middle = statistics.median(tally.delays) if tally.delays else None
        shown = [
            "" if one is None else f"{one:.0f}" for one in (middle, tally.delay(0.95))
        ]
        rules = ", ".join(f"{rule} {count}" for rule, count in tally.rules.items())
        lines.append(
            f"{tally.fault.name:34} {tally.right:4}/{total:<4}"
            f" {counts[0]:5} {counts[1]:5} {counts[2]:5} {tally.early:6}"
            f" {shown[0]:>7} {shown[1]:>7}  {rules}"
        )
    return "\n".join(lines)


async def _main(runs: int) -> None:
    print(table([await simulate(one, runs) for one in FAULTS]))  # noqa: T201 - its output


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
