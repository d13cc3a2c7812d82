"""What takes long at Railway, or lies far back, ends well, and in few requests."""

from pathlib import Path
from typing import NamedTuple

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.platforms.railway.quota import RESERVE
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.tools import Milestone
from tests.support.railway.authority import TokenKind
from tests.support.railway.faults import Fault
from tests.support.railway.lifetime import Pace
from tests.support.railway_faults import FaultyRun, Outcome, faulty_run, writing

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


BUILD = 1500.0
WAYS = [
    Way(built=BUILD),
    Way(built=HOUR - 60.0),
    Way(queued=HOUR),
    Way(queued=1800.0, built=1700.0),
    Way(queued=1200.0, built=1200.0, started=1100.0),
    # As long as anything is waited for.
    Way(queued=7200.0, built=HOUR - 60.0),
    Way(queued=7200.0, built=2400.0, started=1100.0),
]
SETTINGS = """
[deploy]
healthcheckPath = "/api/health/startup"
healthcheckTimeout = 1200
overlapSeconds = 30
"""
WHOLE = 67
"""Requests of a deployment with its way back, which is another one."""
ALL_WAYS = [
    pytest.param(one, marks=[pytest.mark.full] * (one != WAYS[0])) for one in WAYS
]
KINDS = [TokenKind.PROJECT, TokenKind.WORKSPACE]
PLANS = ["PRO", "FREE"]
NAMELESS = [False, pytest.param(True, marks=pytest.mark.full)]


async def comes(run: FaultyRun, way: Way, *, turns_bad: float | None = None) -> Outcome:
    """What comes of a release that takes so long, with settings of its own."""
    await run.serves("one")
    run.railway.files = {"": SETTINGS}
    if way.queued:
        run.simulator.faults.add(Fault.WAITS_FOR_CHECKS, seconds=way.queued)
    if way.started:
        run.simulator.faults.add(Fault.HEALTH_SLOW, seconds=way.started)
    run.simulator.conductor.pace = Pace(build=way.built)
    new = run.commit("two")
    if turns_bad is not None:
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=turns_bad)
    writing(run, every=100.0)
    return await run.deploys(new, bake=BAKE)


def refused(run: FaultyRun) -> int:
    """Requests that were too many for Railway."""
    return sum(one.status == 429 for one in run.simulator.requests)


@pytest.mark.parametrize("nameless", NAMELESS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("way", ALL_WAYS)
async def test_what_is_long_in_coming_takes_few_requests_all_the_same(
    tmp_path: Path,
    way: Way,
    plan: str,
    kind: TokenKind,
    nameless: bool,  # noqa: FBT001 - a case of the table
) -> None:
    async with faulty_run(tmp_path, plan=plan, kind=kind) as run:
        run.edge.nameless = nameless
        outcome = await comes(run, way)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert refused(run) == 0
        within_budget(run)


@pytest.mark.full
@pytest.mark.parametrize("nameless", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("way", [Way(built=600.0), *WAYS])
async def test_what_turns_bad_after_a_long_way_is_left_with_what_is_kept_for_that(
    tmp_path: Path,
    way: Way,
    plan: str,
    kind: TokenKind,
    nameless: bool,  # noqa: FBT001 - a case of the table
) -> None:
    async with faulty_run(tmp_path, plan=plan, kind=kind) as run:
        run.edge.nameless = nameless
        outcome = await comes(run, way, turns_bad=1700.0)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert refused(run) == 0
        asked = [one.operation for one in run.simulator.requests]
        # Why it has failed is the first that the way back costs.
        until = asked.index("DeploymentLogs")
        assert until <= MOST, asked
        assert len(asked) - until <= RESERVE, asked
        if way.queued + way.built + way.started <= BUILD:
            within_budget(run)
        assert len(asked) <= WHOLE, asked


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
