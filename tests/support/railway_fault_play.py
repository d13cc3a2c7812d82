"""Plays a cell of a fault, and looks at everything that anybody can see of it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import EMERGENCY
from app.backend.deploy.tools import Milestone
from app.errors import OpsError
from tests.support.railway.faults import Fault, Scripted
from tests.support.railway.lifecycle import Status
from tests.support.railway_fault_cells import Cell, Serves, When
from tests.support.railway_faults import CANARY, FaultyRun, Outcome, faulty_run

__all__ = ["play"]

_SETTLED: Final = 200.0
"""Seconds after which what Railway was asked for is done, or never will be."""

_SILENCE: Final = frozenset(
    {Fault.TIMEOUT, Fault.SLOW, Fault.LATE, Fault.AFTER_MUTATION_TIMEOUT}
)
_SOON, _AT_LEISURE = 0.7, 10.0
"""Real seconds for a request that is not answered, and for all others: a machine that
stands still must not make a fault of its own."""

_CODES: Final = {
    **dict.fromkeys((Ending.DONE, Ending.RESTORED), 0),
    **dict.fromkeys((Ending.FAILED, Ending.ROLLED_BACK), 1),
    **dict.fromkeys((Ending.STRANDED, Ending.UNVERIFIED, Ending.UNKNOWN), 3),
    Ending.PAUSED: 6,
    Ending.SUPERSEDED: 75,
}
"""Contract §8."""


async def play(one: Cell, folder: Path) -> None:
    """Everything has to come as the cell says.

    Raises:
        AssertionError: it does not.
    """
    timeout = _SOON if one.fault in _SILENCE else _AT_LEISURE
    async with faulty_run(folder, timeout=timeout) as run:
        old = await run.serves("one")
        new = run.commit("two")
        scripted, outcome = await _outcome(run, one, new)
        told = outcome.text() if isinstance(outcome, RunReport) else repr(outcome)
        _struck(run, one, scripted, told)
        _ended(one, outcome, told)
        assert run.took <= one.within, told
        _logged(one, outcome)
        _serves(run, one.serves, old, new, told)
        _made(run, one, old, new)
        _hidden(run, outcome)
        if isinstance(outcome, RunReport) and outcome.kind != "monitor":
            await _journal_tells(run, one, outcome)
        if one.resumed is not None:
            await _goes_on(run, one, old, new)


async def _outcome(
    run: FaultyRun, one: Cell, new: str
) -> tuple[list[Scripted], Outcome]:
    """How it ends, and what was scripted for that."""
    scripted: list[Scripted] = []

    def strike() -> None:
        scripted.append(run.simulator.faults.add(one.fault, **one.script))

    return scripted, await _plays(run, one, new, strike)


async def _plays(
    run: FaultyRun, one: Cell, new: str, strike: Callable[[], None]
) -> Outcome:
    simulator = run.simulator

    at = {When.FOLLOW: "deploy", When.WATCH: "bake"}.get(one.when)
    if at is not None:

        async def begin(step: str, milestone: Milestone) -> None:
            edge = {"deploy": Milestone.AFTER_CALL, "bake": Milestone.AFTER_INTENT}[at]
            if (step, milestone) == (at, edge):
                strike()

        run.tools = run.at(begin)
    elif one.when in {When.DEPLOY, When.UNDO, When.MONITOR}:
        strike()
    if one.when is When.UNDO:
        run.edge.bad.add(new)
    if one.when in {When.DEPLOY, When.FOLLOW, When.WATCH, When.UNDO}:
        return await run.deploys(new, bake=one.bake)
    record = await simulator.deploys(new, wait=False)
    while simulator.status(record).is_unfinished:
        await run.time.sleep(1.0)
    if one.when is When.MONITOR:
        return await run.watches(one.bake)
    await run.time.sleep(60.0)
    strike()
    urgent = one.when is When.EMERGENCY
    return await run.goes_back(**({"reason": EMERGENCY} if urgent else {}))


def _struck(run: FaultyRun, one: Cell, scripted: list[Scripted], told: str) -> None:
    """What was scripted has happened: nothing is learnt from a fault that has not."""
    (fault,) = scripted
    if one.fault is Fault.CLOCK_SKEW:
        # It is no event: it shows in every time that the API has told.
        clock = run.simulator.world.clock
        assert clock.told_now() - clock.now() == timedelta(seconds=fault.lasting(120.0))
    else:
        assert fault.hits > 0, told


def _ended(one: Cell, outcome: Outcome, told: str) -> None:
    """A typed outcome, and the words that were to be said."""
    if isinstance(outcome, OpsError):
        assert isinstance(one.ending, type), told
        assert isinstance(outcome, one.ending), told
        assert outcome.exit_code in {1, 3, 5}
        assert one.cause in str(outcome)
        return
    assert outcome.ending is one.ending, told
    assert outcome.exit_code == _CODES[outcome.ending]
    assert one.cause in "\n".join((outcome.cause, *outcome.notes)), told
    assert bool(outcome.cause) is (outcome.exit_code != 0), told
    # What another one has done, and what went well, is nobody's fault.
    assert (outcome.ending, outcome.verdict) != (Ending.SUPERSEDED, "fail"), told
    assert "succeeded" not in outcome.cause, told


def _logged(one: Cell, outcome: Outcome) -> None:
    """Each line once, in order, and shown to the reader as it is kept."""
    if one.log is not None:
        assert isinstance(outcome, RunReport)
        assert tuple(line.partition(" ")[2] for line in outcome.log) == one.log
        shown = "".join(f"\n  {line}" for line in outcome.log)
        assert f"its last lines:{shown}\n" in outcome.text()


def _serves(run: FaultyRun, wanted: Serves, old: str, new: str, told: str) -> None:
    known = {old: Serves.OLD, new: Serves.NEW, None: Serves.NOBODY}
    assert known.get(run.serving, Serves.OTHER) is wanted, told


def _made(run: FaultyRun, one: Cell, old: str, new: str) -> None:
    """What was asked for has taken effect once, or not at all."""
    simulator = run.simulator
    assert one.deploys <= 1
    assert len(run.made("deploy", new)) == one.deploys
    brought_back = [*run.made("rollback"), *run.made("deploy", old)[1:]]
    assert len(brought_back) == one.backs
    if one.resumed is None:
        assert all(other.commit not in {old, new} for other in run.unfinished())
    if isinstance(one.ending, Ending) and _CODES[one.ending] == 0:
        serving = simulator.serving
        assert serving is not None
        assert simulator.status(serving) is Status.SUCCESS


def _hidden(run: FaultyRun, outcome: Outcome) -> None:
    told = run.told(outcome)
    secrets = [CANARY, *map(run.simulator.token, ("project", "workspace", "account"))]
    assert [one for one in secrets if one in told] == []


async def _journal_tells(run: FaultyRun, one: Cell, outcome: RunReport) -> None:
    newest = (await run.runs())[0]
    assert newest.run == outcome.run
    assert newest.ended is (one.resumed is None), outcome.text()
    if newest.ended:
        assert newest.outcome == outcome.ending
        assert run.simulator.service.autodeploys
    assert newest.closing.get("cause", "") == outcome.cause
    steps = {step.name for step in outcome.steps}
    assert steps <= newest.steps.keys()


async def _goes_on(run: FaultyRun, one: Cell, old: str, new: str) -> None:
    """Nothing is wrong any more, and a new process goes on with the run."""
    run.simulator.faults.clear()
    for record in run.simulator.deployments:
        record.told_status = None
    await run.time.sleep(_SETTLED)
    run.leases.holder = None
    run.renew()
    outcome = await run.goes(resume(run.tools, actor="test"))
    assert isinstance(outcome, RunReport), outcome
    assert outcome.ending is one.resumed, outcome.text()
    assert len(run.made("deploy", new)) == 1
    assert len([*run.made("rollback"), *run.made("deploy", old)[1:]]) <= 1
    done = outcome.ending is Ending.DONE
    _serves(run, Serves.NEW if done else Serves.OLD, old, new, outcome.text())
    assert (await run.runs())[0].ended
    assert run.unfinished() == []
    assert run.simulator.service.autodeploys
    _hidden(run, outcome)
