"""An earlier deployment comes back, and is verified."""

from app.backend.database.lease import Guard
from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.planning.choice import Choice, choose
from app.backend.deploy.planning.survey import LISTED, look_back
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.running.conduct import conduct_rollback
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.taking_over import end_others, take_lease, unlocked
from app.backend.deploy.tools import Tools
from app.errors import JournalError

__all__ = ["roll_back"]

_SECOND = 1.0


async def roll_back(request: RollbackRequest, tools: Tools) -> RunReport:
    """Brings an earlier deployment back, and looks that it is the one that serves.

    It needs the platform alone. Without the state database it goes on unlocked, under
    the platform's highest epoch; without journals it believes the platform's list.
    A run that has been left undecided or is only watching is ended by it.

    Raises:
        NoWayBackError: there is nothing to return to.
        TargetError: the target names none, or more than one.
        LeaseHeldError: somebody else is at work, and not only watching.
        LeaseLostError: somebody else has taken over; nothing more was written.
        PlatformUnreachableError: nothing is known, and nothing was touched.
    """
    leaving, choice = await _choose(request, tools)
    tools.say(f"back to {choice.target.commit[:12]} ({choice.target.id}), {choice.why}")
    run_id = new_run_id(tools.now())
    guard, note = await _leave_to_act(request, choice, tools, run_id)
    try:
        async with tools.journals(guard) as journals:
            run = Run(run_id, tools, guard, journals)
            if note:
                run.remark(note)
            await end_others(tools, guard, journals, by=run_id)
            await _begin(run, request, choice, leaving)
            return await conduct_rollback(run)
    finally:
        await guard.release()


async def _choose(
    request: RollbackRequest, tools: Tools
) -> tuple[Deployment | None, Choice]:
    deployments = await tools.platform.deployments(LISTED)
    leaving = next((one for one in deployments if one.active), None)
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
    )
    return leaving, choice


async def _leave_to_act(
    request: RollbackRequest, choice: Choice, tools: Tools, run: str
) -> tuple[Guard, str]:
    """The lease if there is one to be had; a holder that has died is waited for."""
    try:
        guard = await take_lease(
            tools,
            holder=f"{request.actor} {run}",
            reason=f"roll back to {choice.target.id}: {request.reason}",
            wait=tools.leases.ttl + _SECOND,
            supersede=request.supersede or request.emergency,
        )
    except JournalError as error:
        return await unlocked(tools), f"unlocked, without a lease: {error}"
    return guard, ""


async def _begin(
    run: Run,
    request: RollbackRequest,
    choice: Choice,
    leaving: Deployment | None,
) -> None:
    """Writes it down if that is possible; going back does not depend on it."""
    await run.begin(
        must_be_kept=False,
        kind="rollback",
        environment=run.tools.environment,
        platform=run.tools.platform.name,
        commit=choice.target.commit,
        previous_commit=leaving.commit if leaving else None,
        request=request.to_dict(),
        actor=request.actor,
        reason=request.reason,
        locked=run.guard.locked,
    )
