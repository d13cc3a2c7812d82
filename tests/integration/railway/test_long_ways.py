"""What takes long at Railway, or lies far back, ends well, and in few requests."""

from pathlib import Path
from typing import NamedTuple

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.tools import Milestone
from tests.support.railway.authority import TokenKind
from tests.support.railway.faults import Fault
from tests.support.railway.lifetime import Pace
from tests.support.railway_faults import FaultyRun, faulty_run, writing

MOST = 60
BAKE = 1800.0
HOUR = 3600.0
PUSHES = 60
"""More than are in the first list."""


async def pushed(run: FaultyRun) -> None:
    """Everybody pushes, and nothing of it can be built."""
    fault = run.simulator.faults.add(Fault.BUILD_FAILS, times=PUSHES)
    run.simulator.conductor.pace = Pace()
    for number in range(PUSHES):
        await run.simulator.deploys(f"{number:040x}", wait=False)
        await run.time.sleep(10.0)
    assert fault.left == 0


def within_budget(run: FaultyRun) -> None:
    made = run.simulator.asked()
    assert sum(made.values()) <= MOST, made


async def test_a_release_that_turns_bad_is_left_for_one_far_back(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await pushed(run)
        run.simulator.conductor.pace = Pace(build=60.0)
        run.simulator.faults.add(Fault.CRASHES, seconds=1700.0)
        outcome = await run.deploys(run.commit("two"), bake=BAKE)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert run.serving == old
        # That it was looked for further back costs no more than these.
        assert run.railway.asked("Deployments") == 1
        assert run.railway.asked("Deployment") == 1
        within_budget(run)


@pytest.mark.full
async def test_a_rollback_finds_what_is_far_back(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await run.serves("two")
        await pushed(run)
        outcome = await run.goes_back()
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.RESTORED, outcome.text()
        assert run.serving == old
        # Asked for a second time within a minute, it is known.
        assert run.railway.asked("Deployments") == 1
        within_budget(run)


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.mark.full
@pytest.mark.parametrize("edge", list(Milestone))
async def test_who_is_killed_on_the_way_to_it_asks_for_it_once(
    tmp_path: Path, edge: Milestone
) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await run.serves("two")
        await pushed(run)

        async def die(step: str, milestone: Milestone) -> None:
            if (step, milestone) == ("restore", edge):
                raise KilledError

        run.tools = run.at(die)
        with pytest.raises(KilledError):
            await run.goes_back()
        await run.time.sleep(200.0)
        run.leases.holder = None
        run.renew()
        outcome = await run.goes(resume(run.tools, actor="test"))
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.RESTORED, outcome.text()
        assert run.serving == old
        assert len(run.made("rollback")) == 1


class Way(NamedTuple):
    """How long a release takes until it serves, in seconds."""

    queued: float = 0.0
    built: float = 3.0
    started: float = 0.0


WAYS = [
    Way(built=1500.0),
    Way(built=HOUR - 60.0),
    Way(queued=HOUR),
    Way(queued=1800.0, built=1700.0),
    Way(queued=1200.0, built=1200.0, started=1100.0),
]
SETTINGS = """
[deploy]
healthcheckPath = "/api/health/startup"
healthcheckTimeout = 1200
overlapSeconds = 30
"""


@pytest.mark.parametrize("kind", [TokenKind.PROJECT, TokenKind.WORKSPACE])
@pytest.mark.parametrize("plan", ["PRO", "FREE"])
@pytest.mark.parametrize(
    "way",
    [pytest.param(one, marks=[pytest.mark.full] * (one != WAYS[0])) for one in WAYS],
)
async def test_what_is_long_in_coming_takes_few_requests_all_the_same(
    tmp_path: Path, way: Way, plan: str, kind: TokenKind
) -> None:
    async with faulty_run(tmp_path, plan=plan, kind=kind) as run:
        await run.serves("one")
        run.railway.files = {"": SETTINGS}
        if way.queued:
            run.simulator.faults.add(Fault.WAITS_FOR_CHECKS, seconds=way.queued)
        if way.started:
            run.simulator.faults.add(Fault.HEALTH_SLOW, seconds=way.started)
        run.simulator.conductor.pace = Pace(build=way.built)
        writing(run, every=100.0)
        outcome = await run.deploys(run.commit("two"), bake=BAKE)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert not [one for one in run.simulator.requests if one.status == 429]
        within_budget(run)


async def test_a_build_that_gets_on_is_waited_for(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.conductor.pace = Pace(build=1500.0)
        writing(run, every=100.0)
        outcome = await run.deploys(run.commit("two"))
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert "still BUILDING: it gets on" in "\n".join(run.said)


@pytest.mark.full
async def test_a_build_of_ten_minutes_that_turns_bad_is_left(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        run.simulator.conductor.pace = Pace(build=600.0)
        new = run.commit("two")
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=1700.0)
        writing(run, every=100.0)
        outcome = await run.deploys(new, bake=BAKE)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert run.serving == old
        within_budget(run)


@pytest.mark.full
@pytest.mark.parametrize(
    ("every", "given_up", "seconds"),
    [
        pytest.param(1e6, "still BUILDING after 360 s", 400.0, id="it stands still"),
        pytest.param(100.0, "still BUILDING after 3600 s", 3700.0, id="it never ends"),
    ],
)
async def test_a_build_that_does_not_end_is_given_up(
    tmp_path: Path, every: float, given_up: str, seconds: float
) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        run.simulator.conductor.pace = Pace(build=1e5)
        writing(run, every=every)
        outcome = await run.deploys(run.commit("two"))
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.FAILED, outcome.text()
        assert given_up in outcome.cause
        assert run.took <= seconds
        assert run.serving == old


@pytest.mark.full
async def test_checks_that_take_an_hour_are_waited_for(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.faults.add(Fault.WAITS_FOR_CHECKS, seconds=HOUR)
        outcome = await run.deploys(run.commit("two"), bake=BAKE)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert "still WAITING: it waits for GitHub's checks" in "\n".join(run.said)
        within_budget(run)
