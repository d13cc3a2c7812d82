"""An earlier deployment comes back, and is verified."""

from dataclasses import dataclass
from functools import partial

from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.planning.choice import Choice, choose
from app.backend.deploy.planning.survey import LISTED, look_back
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.history import goes_back
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.running.asking import ask
from app.backend.deploy.running.closing import to_the_end
from app.backend.deploy.running.following import active_of
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.superseding import end_others
from app.backend.deploy.running.way_back import come_back
from app.backend.deploy.tools import Tools

__all__ = ["roll_back"]


@dataclass(frozen=True, slots=True)
class _Way:
    """From where to where.

    Attributes:
        leaving: what serves, and is to serve no longer; None: nothing does.
        backwards: whether it leads to something older.
    """

    leaving: Deployment | None
    choice: Choice
    backwards: bool


async def roll_back(request: RollbackRequest, tools: Tools) -> RunReport:
    """Brings an earlier deployment back, and looks that it is the one that serves.

    It needs the platform alone. Without the state database it goes on unlocked, with
    an epoch above the platform's; without journals it believes the platform's list.
    A run that has been left undecided or is only watching is ended by it. What is left
    is what serves when it is asked for: if somebody else leaves that meanwhile, it
    only verifies that what was to come back serves.

    Raises:
        NoWayBackError: there is nothing to return to.
        PreflightError: something else serves meanwhile; nothing was touched.
        TargetError: the target names none, or more than one.
        LeaseHeldError: somebody else is at work, and not only watching.
        LeaseLostError: somebody else has taken over; nothing more was written.
        PlatformUnreachableError: nothing is known, and nothing was touched.
        InterruptedRunError: somebody has asked to stop before it was begun.
    """
    way = await _find(request, tools)
    choice, run_id = way.choice, new_run_id(tools.now())
    tools.say(f"back to {choice.target.commit[:12]} ({choice.target.id}), {choice.why}")
    guard, note = await leave_to_act(
        tools,
        holder=f"{request.actor} {run_id}",
        reason=f"roll back to {choice.target.id}: {request.reason}",
        patient=True,
        supersede=request.takes_over,
        alone=True,
    )
    try:
        async with tools.journals(guard) as journals:
            tools.interrupt.check()
            run = Run(run_id, tools, guard, journals)
            if note:
                run.remark(note)
            await end_others(tools, guard, journals, by=run_id)
            await _begin(run, request, way)
            return await to_the_end(run, come_back)
    finally:
        await guard.release()


async def _find(request: RollbackRequest, tools: Tools) -> _Way:
    listed = partial(tools.platform.deployments, LISTED)
    deployments = await ask(tools, "deployments", listed)
    leaving = active_of(deployments)
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    if past.trouble:
        tools.say(past.trouble)
    choice = choose(
        deployments,
        past.runs,
        leaving=leaving.commit if leaving else None,
        named=request.target,
        may_rebuild=request.emergency or request.allow_rebuild,
        desperate=request.emergency,
    )
    backwards = leaving is None or goes_back(choice.target, leaving, deployments)
    return _Way(leaving, choice, backwards)


async def _begin(run: Run, request: RollbackRequest, way: _Way) -> None:
    """Writes it down if that is possible; going back does not depend on it."""
    await run.begin(
        must_be_kept=False,
        kind="rollback",
        environment=run.tools.environment,
        platform=run.tools.platform.name,
        commit=way.choice.target.commit,
        previous_commit=way.leaving.commit if way.leaving else None,
        leaving=way.leaving.id if way.leaving else None,
        backwards=way.backwards,
        request=request.to_dict(),
        actor=request.actor,
        reason=request.reason,
        locked=run.guard.locked,
    )
