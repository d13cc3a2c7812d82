"""A release that is long in coming says itself that it serves."""

import asyncio
from pathlib import Path

import pytest

from app.backend.deploy.platforms.railway.arrival import EVERY
from app.backend.deploy.platforms.railway.freshness import LONGEST
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from tests.support.railway.faults import Fault
from tests.support.railway.instant_edge import UsedGround
from tests.support.railway.lifetime import Pace
from tests.support.railway_faults import FaultyRun, faulty_run, writing

HOUR = 3600.0
LONG_BUILD = Pace(build=HOUR - 60.0)


async def seen_serving(run: FaultyRun) -> float:
    """Seconds from the switch of a new release until whoever follows it knows."""
    new = await run.simulator.deploys(run.commit("two"), wait=False)
    states = [state async for state in run.platform.follow(new.id)]
    assert states[-1].active
    ground = run.railway.ground
    assert isinstance(ground, UsedGround)
    switched, _ = ground.switches[-1]
    return (run.time.now() - switched).total_seconds()


async def test_that_it_serves_is_seen_at_once(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.conductor.pace = LONG_BUILD
        asked = run.railway.asked("Picture")
        assert await seen_serving(run) <= EVERY
        assert run.railway.asked("Picture") - asked <= 24


@pytest.mark.full
async def test_without_its_word_it_is_seen_when_railway_is_asked(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.edge.claimed = "nobody"
        run.simulator.conductor.pace = LONG_BUILD
        assert EVERY < await seen_serving(run) <= LONGEST


@pytest.mark.full
@pytest.mark.parametrize("nameless", [False, True])
@pytest.mark.parametrize("build", [700.0, 1600.0, 2500.0, HOUR - 60.0])
async def test_one_that_goes_as_soon_as_it_has_come_is_left_at_once(
    tmp_path: Path,
    build: float,
    nameless: bool,  # noqa: FBT001 - a case of the table
) -> None:
    async with faulty_run(tmp_path) as run:
        run.edge.nameless = nameless
        old = await run.serves("one")
        new = run.commit("two")
        run.simulator.conductor.pace = Pace(build=build)
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=0.0)
        writing(run, every=100.0)
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert run.serving == old
        ground = run.railway.ground
        assert isinstance(ground, UsedGround)
        (bad, _), (good, _) = ground.switches[-2:]
        assert (good - bad).total_seconds() <= 60.0


@pytest.mark.full
@pytest.mark.parametrize("build", [1000.0, 1700.0, 2500.0])
async def test_an_outage_of_the_api_at_the_switch_is_waited_for(
    tmp_path: Path, build: float
) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        new = run.commit("two")
        run.simulator.conductor.pace = Pace(build=build)
        writing(run, every=100.0)

        async def outage() -> None:
            while run.serving != new:
                await run.time.wait(1.0)
            run.simulator.faults.add(Fault.DOWN, times=None)
            await run.time.wait(100.0)
            run.simulator.faults.clear()

        task = asyncio.create_task(outage())
        outcome = await run.deploys(new)
        await task
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()


@pytest.mark.parametrize(
    "build", [1700.0, *(pytest.param(b, marks=pytest.mark.full) for b in (700, 3540))]
)
async def test_one_that_goes_while_the_api_is_down_is_left_soon_after(
    tmp_path: Path, build: float
) -> None:
    async with faulty_run(tmp_path) as run:
        run.edge.nameless = True
        old = await run.serves("one")
        new = run.commit("two")
        run.simulator.conductor.pace = Pace(build=build)
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=0.0)
        writing(run, every=100.0)

        async def outage() -> None:
            while run.serving != new:
                await run.time.wait(1.0)
            run.simulator.faults.add(Fault.DOWN, times=None)
            await run.time.wait(20.0)
            run.simulator.faults.clear()

        task = asyncio.create_task(outage())
        outcome = await run.deploys(new)
        await task
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert run.serving == old
        ground = run.railway.ground
        assert isinstance(ground, UsedGround)
        (bad, _), (good, _) = ground.switches[-2:]
        assert (good - bad).total_seconds() <= 120.0


async def test_what_flaps_on_users_way_costs_a_few_requests(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.conductor.pace = LONG_BUILD
        flapping = True

        async def flap() -> None:
            while flapping:
                run.edge.claimed = None if run.edge.claimed else "another"
                await run.time.wait(15.0)

        task = asyncio.create_task(flap())
        asked = run.railway.asked("Picture")
        assert await seen_serving(run) <= 2 * EVERY
        flapping = False
        task.cancel()
        assert run.railway.asked("Picture") - asked <= 32


async def test_its_word_alone_decides_nothing_and_is_heard_less_and_less(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.conductor.pace = LONG_BUILD
        new = await run.simulator.deploys(run.commit("two"), wait=False)
        run.edge.claimed = new.id
        asked = run.railway.asked("Picture")
        began = run.time.time()
        states = [state async for state in run.platform.follow(new.id)]
        assert states[-1].active
        assert run.time.time() - began >= LONG_BUILD.build
        assert run.railway.asked("Picture") - asked <= 32


async def test_the_token_stays_with_railway(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        run.simulator.conductor.pace = LONG_BUILD
        await seen_serving(run)
        heard = " ".join(run.edge.heard)
        assert "/api/version" in heard
        assert run.simulator.token("project") not in heard
