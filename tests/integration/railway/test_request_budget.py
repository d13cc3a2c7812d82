"""Requests of whole runs at the default cadence, counted by the simulated Railway.

Half an hour of bake, a look every ten seconds, builds of minutes, and the release turns
bad at the worst time: what counts is what Railway was asked.
"""

from pathlib import Path

import pytest

from app.backend.deploy.platforms.railway.budget import LEAST
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.errors import PreflightError
from tests.support.railway.faults import Fault
from tests.support.railway.lifetime import Pace
from tests.support.railway_faults import FaultyRun, Outcome, faulty_run

MOST = 60
BAKE = 1800.0
LATE = 1700.0
FREE = 100
LONG_BUILD = Pace(build=300.0)


async def deployed(run: FaultyRun, *, turns_bad: float | None = None) -> Outcome:
    """What comes of a whole deploy, and perhaps of its way back."""
    new = run.commit("two")
    if turns_bad is not None:
        run.simulator.faults.add(Fault.CRASHES, commit=new, seconds=turns_bad)
    return await run.deploys(new, bake=BAKE)


def limited(run: FaultyRun) -> int:
    """How often Railway has said that it was too much."""
    return sum(one.status == 429 for one in run.simulator.requests)


RUNS = [
    ("PRO", LONG_BUILD, None, Ending.DONE),
    ("PRO", LONG_BUILD, LATE, Ending.ROLLED_BACK),
    ("FREE", Pace(), None, Ending.DONE),
    ("FREE", LONG_BUILD, None, Ending.DONE),
    ("FREE", LONG_BUILD, LATE, Ending.ROLLED_BACK),
]


@pytest.mark.parametrize(
    ("plan", "pace", "turns_bad", "ending"),
    [pytest.param(*one, marks=[pytest.mark.full] * (one != RUNS[0])) for one in RUNS],
)
async def test_a_whole_run_takes_few_requests_and_ends_with_a_verdict(
    tmp_path: Path, plan: str, pace: Pace, turns_bad: float | None, ending: Ending
) -> None:
    async with faulty_run(tmp_path, plan=plan, pace=pace) as run:
        await run.serves("one")
        outcome = await deployed(run, turns_bad=turns_bad)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is ending, outcome.text()
        assert outcome.verdict == ("ok" if turns_bad is None else "fail")
        assert limited(run) == 0
        made = run.simulator.asked()
        assert sum(made.values()) <= MOST, made


@pytest.mark.full
@pytest.mark.parametrize("left", [FREE, 60, 48, 43, 40])
@pytest.mark.parametrize(
    ("turns_bad", "ending"),
    [(None, Ending.DONE), (20.0, Ending.ROLLED_BACK), (LATE, Ending.ROLLED_BACK)],
)
async def test_with_what_is_left_of_a_free_hour_there_is_a_verdict(
    tmp_path: Path, left: int, turns_bad: float | None, ending: Ending
) -> None:
    async with faulty_run(tmp_path, plan="FREE") as run:
        await run.serves("one")
        run.simulator.limits.spend(run.simulator.token("project"), left)
        outcome = await deployed(run, turns_bad=turns_bad)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is ending, outcome.text()
        assert limited(run) == 0


@pytest.mark.full
async def test_two_deploys_in_one_free_hour_both_have_a_verdict(tmp_path: Path) -> None:
    async with faulty_run(tmp_path, plan="FREE") as run:
        await run.serves("one")
        for name in ("two", "three"):
            commit = run.commit(name)
            run.renew()
            outcome = await run.deploys(commit, bake=900.0)
            assert isinstance(outcome, RunReport), outcome
            assert outcome.ending is Ending.DONE, outcome.text()
            assert run.serving == commit
        assert limited(run) == 0


async def test_with_too_few_left_nothing_is_begun(tmp_path: Path) -> None:
    async with faulty_run(tmp_path, plan="FREE") as run:
        await run.serves("one")
        run.simulator.limits.spend(run.simulator.token("project"), LEAST)
        outcome = await deployed(run)
        assert isinstance(outcome, PreflightError), outcome
        assert "requests of Railway's API are left" in str(outcome)
        assert run.simulator.changes() == []
