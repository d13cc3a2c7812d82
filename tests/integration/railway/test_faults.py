"""Every fault of a release at Railway: a typed end in time, no second deploy, no lie.

Each line is a test: the fault, what is done meanwhile, how that ends, what serves then.
Faults of answers and of ways back are in the files beside; none can be forgotten.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from app.backend.deploy.records.ending import Ending
from tests.support.railway.faults import Fault
from tests.support.railway_fault_answers import ANSWERS
from tests.support.railway_fault_cells import BAKE, Cell, Serves, When
from tests.support.railway_fault_play import play
from tests.support.railway_fault_ways_back import WAYS_BACK

F = Fault
DEPLOY, FOLLOW, MONITOR = When.DEPLOY, When.FOLLOW, When.MONITOR
OLD, NEW = Serves.OLD, Serves.NEW
NOT_WELL, EDGE = "its health check failed", "the edge has answered 502 itself"
LONG = 1800.0
QUICK = {"build failure", "passes, then crashes at once"}


def fails(
    fault: Fault, name: str, cause: str, within: float = 60.0, **script: Any
) -> Cell:
    """It never serves, and what served goes on."""
    end = Ending.FAILED
    return Cell(
        *(fault, name, DEPLOY, end, OLD), cause=cause, within=within, script=script
    )


def undone(
    fault: Fault, name: str, cause: str, within: float = 240.0, **script: Any
) -> Cell:
    """It serves, turns bad, and is left."""
    bake = script.pop("bake", BAKE)
    plain = Cell(fault, name, DEPLOY, Ending.ROLLED_BACK, OLD, cause=cause, backs=1)
    return replace(plain, within=within, script=script, bake=bake)


def done(
    fault: Fault, name: str, when: When = DEPLOY, within: float = 240.0, **script: Any
) -> Cell:
    """It is nothing to worry about."""
    return Cell(fault, name, when, Ending.DONE, NEW, within=within, script=script)


RELEASES: Final[tuple[Cell, ...]] = (
    fails(F.BUILD_FAILS, "build failure", "the build failed"),
    fails(F.PRE_DEPLOY_FAILS, "pre-deploy failure", "the pre-deploy command failed"),
    fails(F.NEVER_HEALTHY, "health never 200", NOT_WELL, 150),
    fails(F.HEALTH_STATUS, "health 308", NOT_WELL, 150, value=308),
    fails(F.HEALTH_STATUS, "health 503", NOT_WELL, 150, value=503),
    fails(F.HEALTH_SLOW, "health too slow", NOT_WELL, 150, seconds=1000),
    done(F.HEALTH_SLOW, "health slow, then well"),
    done(F.HEALTH_FLAPS, "health flapping"),
    undone(F.CRASHES, "passes, then crashes at once", "CRASHED", 60),
    undone(F.CRASHES, "passes, then crashes after a while", EDGE, seconds=90),
    replace(
        undone(F.CRASHES, "what serves crashes", "CRASHED", seconds=40), when=MONITOR
    ),
    undone(
        *(F.CRASH_LOOP, "crash loop under the restart budget"),
        *("was started again 3 times", 240.0),
        seconds=15,
        value=30,
    ),
    undone(F.OUT_OF_MEMORY, "memory growth and OOM", EDGE, seconds=40),
    undone(
        *(F.ERRORS_UNDER_TRAFFIC, "error rate only under traffic"),
        *("requests failed", 600.0),
        bake=LONG,
    ),
    undone(
        *(F.SLOW_UNDER_TRAFFIC, "latency only under traffic"),
        *("took longer than", 600.0),
        bake=LONG,
    ),
    # The domain is no part of a release: what comes back cannot be reached either.
    replace(
        undone(F.WRONG_TARGET_PORT, "wrong target port", EDGE, 150.0),
        ending=Ending.UNVERIFIED,
    ),
    fails(F.STUCK_QUEUED, "stuck QUEUED", "still QUEUED after 7500 s", 7600),
    done(F.SLOW_INITIALIZING, "INITIALIZING for minutes", within=500),
    fails(
        *(F.SLOW_INITIALIZING, "INITIALIZING for an hour", "still INITIALIZING", 400),
        seconds=3600,
    ),
    fails(F.SKIPPED, "SKIPPED", "SKIPPED"),
    done(F.WAITS_FOR_CHECKS, "WAITING, and checks pass", within=300, seconds=60),
    fails(
        *(F.WAITS_FOR_CHECKS, "WAITING, and checks fail", "SKIPPED", 150),
        seconds=60,
        value="failed",
    ),
    fails(F.NEEDS_APPROVAL, "NEEDS_APPROVAL", "why it asks for that"),
    # That one is still being built when ours has ended.
    fails(F.SUPERSEDED, "superseded by another deploy", "has taken its place"),
    replace(
        done(F.REDEPLOYED, "Railway's own redeploy in a bake", seconds=40),
        ending=Ending.SUPERSEDED,
        cause="another release",
    ),
    replace(
        done(F.REDEPLOYED, "Railway's own in a watch", MONITOR, 310, seconds=40),
        bake=300,
    ),
    undone(F.REMOVED_BY_SOMEBODY, "removed in a bake", "answered 404", seconds=40),
    Cell(
        *(F.REMOVED_BY_SOMEBODY, "removed in a watch", MONITOR),
        *(Ending.PAUSED, Serves.NOBODY),
        script={"seconds": 40},
        within=310,
        bake=300,
    ),
    Cell(
        *(F.UNKNOWN_STATUS, "unknown status value", DEPLOY),
        *(Ending.PAUSED, NEW),
        cause="'TELEPORTING', which this release does not know",
        resumed=Ending.DONE,
    ),
    # Its probes turn bad, as those of any other.
    replace(
        undone(F.UNKNOWN_STATUS, "unknown status of one that is bad", "500", 150),
        when=When.UNDO,
    ),
    Cell(
        *(F.UNKNOWN_STATUS, "unknown status of what serves", MONITOR),
        *(Ending.PAUSED, NEW),
        cause="'TELEPORTING', which this release does not know",
    ),
    done(F.CLOCK_SKEW, "Railway's clock ahead", times=None),
    done(F.CLOCK_SKEW, "Railway's clock behind", times=None, seconds=-120),
    done(F.STALE_READS, "what serves missing in a list"),
    done(F.STALE_READS, "the newest missing in many lists", FOLLOW, times=5),
)

TOLD = {F.WEBHOOKS_TWICE, F.WEBHOOKS_LATE}
"""A run takes no webhooks: where a service does, ``test_hooks.py`` plays these."""


def _parameters(cells: tuple[Cell, ...]) -> Iterator[object]:
    for one in cells:
        marks = () if one.quick or one.name in QUICK else pytest.mark.full
        yield pytest.param(one, id=one.identity, marks=marks)


@pytest.mark.parametrize("one", [*_parameters((*RELEASES, *ANSWERS, *WAYS_BACK))])
async def test_a_fault_has_its_end(one: Cell, tmp_path: Path) -> None:
    await play(one, tmp_path)


def test_every_fault_has_a_cell() -> None:
    cells = (*RELEASES, *ANSWERS, *WAYS_BACK)
    played = {one.fault for one in cells}
    assert played | TOLD == set(Fault)
    assert not played & TOLD
    names = [one.identity for one in cells]
    assert len(set(names)) == len(names)
