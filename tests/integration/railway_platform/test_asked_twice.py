"""Who goes on with a run at once does not ask for what is only late to show."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.tools import Milestone
from tests.support.railway.faults import Fault
from tests.support.railway.lifetime import Pace
from tests.support.railway_faults import FaultyRun, faulty_run

LONG = Pace(build=240.0)


class KilledError(Exception):
    """Stands for SIGKILL."""


async def goes_on(run: FaultyRun) -> RunReport:
    """A new process, as soon as the first has ended."""
    run.leases.holder = None
    run.renew()
    outcome = await run.goes(resume(run.tools, actor="test"))
    assert isinstance(outcome, RunReport), outcome
    return outcome


def at(
    edge: tuple[str, Milestone], strike: Callable[[], object]
) -> Callable[[str, Milestone], Awaitable[None]]:
    async def reached(step: str, milestone: Milestone) -> None:
        if (step, milestone) == edge:
            strike()

    return reached


@pytest.mark.parametrize(
    "seconds", [50, *(pytest.param(one, marks=pytest.mark.full) for one in (35, 80))]
)
async def test_a_rollback_that_shows_late(tmp_path: Path, seconds: int) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await run.serves("two")
        run.simulator.faults.add(Fault.ROLLBACK_LATE, seconds=seconds)
        outcome = await run.goes_back()
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.UNKNOWN, outcome.text()
        ended = await goes_on(run)
        assert ended.ending is Ending.RESTORED, ended.text()
        assert run.railway.asked("Rollback") == len(run.made("rollback")) == 1
        assert run.serving == old


@pytest.mark.parametrize("later", [0.0, 400.0], ids=["under way", "serves"])
@pytest.mark.parametrize("own", [True, pytest.param(False, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "reason", ["deploy", pytest.param("rollback", marks=pytest.mark.full)]
)
async def test_a_rollback_whose_run_was_killed_before_it_was_written_down(
    tmp_path: Path,
    reason: str,
    own: bool,  # noqa: FBT001 - both
    later: float,
) -> None:
    async with faulty_run(tmp_path, pace=Pace(container=60.0)) as run:
        run.simulator.world.rollback_reason = reason
        old = await run.serves("one")
        if own:
            old = run.commit("two")
            await run.deploys(old)
        await run.serves("three")

        def kill() -> None:
            raise KilledError

        run.tools = run.at(at(("restore", Milestone.AFTER_CALL), kill))
        with pytest.raises(KilledError):
            await run.goes_back()
        (back,) = run.made("rollback")
        assert run.simulator.status(back).is_unfinished
        await run.time.sleep(later)
        assert run.simulator.status(back).is_unfinished is not bool(later)
        ended = await goes_on(run)
        assert ended.ending is Ending.RESTORED, ended.text()
        assert run.railway.asked("Rollback") == 1
        assert run.serving == old


@pytest.mark.full
async def test_a_rollback_that_never_shows_is_asked_for_again_in_the_end(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await run.serves("two")
        run.simulator.faults.add(Fault.ROLLBACK_LOST)
        outcome = await run.goes_back()
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.UNKNOWN, outcome.text()
        ended = await goes_on(run)
        assert ended.ending is Ending.RESTORED, ended.text()
        assert run.railway.asked("Rollback") == 2
        assert len(run.made("rollback")) == 1
        assert run.took < 200
        assert run.serving == old


@pytest.mark.full
async def test_a_deploy_whose_answer_is_lost_and_that_lists_leave_out(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path, pace=LONG) as run:
        await run.serves("one")
        new = run.commit("two")

        def strike() -> None:
            add = run.simulator.faults.add
            add(Fault.AFTER_MUTATION_TIMEOUT, operation="Deploy")
            add(Fault.STALE_READS, times=15)

        run.tools = run.at(at(("deploy", Milestone.AFTER_INTENT), strike))
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.UNKNOWN, outcome.text()
        ended = await goes_on(run)
        assert ended.ending is Ending.DONE, ended.text()
        assert run.railway.asked("Deploy") == len(run.made("deploy", new)) == 1


async def test_a_deploy_whose_id_is_known_is_not_looked_for(tmp_path: Path) -> None:
    async with faulty_run(tmp_path, pace=LONG) as run:
        await run.serves("one")
        new = run.commit("two")
        add, clear = run.simulator.faults.add, run.simulator.faults.clear
        run.tools = run.at(
            at(
                ("deploy", Milestone.AFTER_CALL),
                lambda: add(Fault.DOWN, times=None),
            )
        )
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.UNKNOWN, outcome.text()
        clear()
        await run.time.sleep(100.0)
        add(Fault.STALE_READS, times=4)
        ended = await goes_on(run)
        assert ended.ending is Ending.DONE, ended.text()
        assert run.railway.asked("Deploy") == len(run.made("deploy", new)) == 1


def hide_what_comes(run: FaultyRun, *, times: int) -> None:
    """The deployment that is asked for shows neither in lists nor by its id."""

    def hide() -> None:
        add = run.simulator.faults.add
        add(Fault.STALE_READS, times=times)
        add(Fault.NOT_AUTHORIZED, operation="Deployment", times=times)

    run.tools = run.at(at(("deploy", Milestone.AFTER_CALL), hide))


async def test_one_that_railway_has_told_of_and_does_not_show_has_not_failed(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        await run.serves("one")
        new = run.commit("two")

        hide_what_comes(run, times=3)
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.DONE, outcome.text()
        assert run.serving == new


@pytest.mark.full
async def test_one_that_is_not_shown_for_long_leaves_the_end_open(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path, pace=LONG) as run:
        await run.serves("one")
        new = run.commit("two")

        hide_what_comes(run, times=60)
        outcome = await run.deploys(new)
        assert isinstance(outcome, RunReport), outcome
        assert outcome.ending is Ending.UNKNOWN, outcome.text()
        run.simulator.faults.clear()
        ended = await goes_on(run)
        assert ended.ending is Ending.DONE, ended.text()
        assert run.railway.asked("Deploy") == 1
