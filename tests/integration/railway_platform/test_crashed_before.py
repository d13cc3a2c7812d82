"""A release that is down when another is to take its place."""

from pathlib import Path

import pytest

from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from tests.support.railway.faults import Fault
from tests.support.railway_faults import FaultyRun, faulty_run


async def crashed(run: FaultyRun) -> tuple[str, str]:
    """A commit that has served well, and one that took its place and is down."""
    well = await run.serves("well")
    bad = run.commit("bad")
    run.simulator.faults.add(Fault.CRASHES, commit=bad, seconds=10.0)
    await run.simulator.deploys(bad, wait=False)
    await run.time.sleep(600.0)
    return well, bad


async def test_the_plan_says_that_it_is_down_and_leads_back_to_what_was_well(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        well, _ = await crashed(run)
        plan = await make_plan(run.request(run.commit("new")), run.tools)
        assert "service_down" in {one.code for one in plan.findings}, plan.text()
        assert plan.way_back is not None
        assert plan.way_back.commit == well
        assert not plan.refusals


@pytest.mark.full
async def test_nobody_goes_back_to_what_had_crashed_before(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        well, _ = await crashed(run)
        new = run.commit("new")
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=60.0)
        outcome = await run.deploys(new, bake=600.0)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.ROLLED_BACK, outcome.text()
        assert run.serving == well


async def test_what_mends_it_is_deployed_like_any_other(tmp_path: Path) -> None:
    async with faulty_run(tmp_path) as run:
        await crashed(run)
        new = run.commit("new")
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert run.serving == new
