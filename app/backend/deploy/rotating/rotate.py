"""Begins a rotation: from the variable to the verdict under one lease."""

from dataclasses import replace

from app.backend.database.lease import Guard
from app.backend.deploy import pipeline
from app.backend.deploy.planning.looking_back import LISTED
from app.backend.deploy.planning.survey import ROTATION
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.rotating.borrowing import BorrowedLeases
from app.backend.deploy.rotating.plan import RotationPlan, look_again
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.under_way import Rotating
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.running.run import Run
from app.backend.deploy.tools import Tools

__all__ = ["rotate"]


async def rotate(plan: RotationPlan, tools: Tools) -> RotationReport:
    """Rotates under one lease, from the variable to the verdict.

    Raises:
        PreflightError: the world is not as it was planned for; nothing has changed.
        LeaseHeldError: somebody else is at work.
        LeaseLostError: somebody else has taken over; nothing more was written.
        InterruptedRunError: somebody has asked to stop before it was begun.
        PlatformUnreachableError: nothing is known, and nothing was touched.
        JournalError: it cannot be written down, so it was not begun.
    """
    plan.refuse()
    request, run_id = plan.request, pipeline.new_run_id(tools.now())
    guard, note = await leave_to_act(
        tools,
        holder=f"{request.actor} {run_id}",
        reason=f"rotate {request.name}",
        patient=False,
        supersede=False,
        alone=request.unlocked,
        remedy="; or go on alone with --unlocked",
    )
    try:
        inner = replace(tools, leases=BorrowedLeases(tools.leases, guard))
        async with tools.journals(guard) as journals:
            run = Run(run_id, inner, guard, journals)
            if note:
                run.remark(note)
            tools.interrupt.check()
            await look_again(plan, tools)
            await _end_left(inner, guard, journals, by=run_id)
            await run.begin(
                must_be_kept=True,
                kind=ROTATION,
                environment=tools.environment,
                platform=tools.platform.name,
                actor=request.actor,
                reason=f"rotate {request.name}: {plan.proof}",
                request=plan.order.to_dict(),
                locked=guard.locked,
            )
            going = Rotating(plan.order, plan.rotation, run, request.actor)
            return await going.to_the_end()
    finally:
        await guard.release()


async def _end_left(tools: Tools, guard: Guard, journals: Journals, *, by: str) -> None:
    """Ends rotations that were left: what they have set is replaced, or deployed."""
    for one in await journals.runs(LISTED):
        if one.kind == ROTATION and one.begun and not one.ended:
            left = Run(one.run, tools, guard, journals, await journals.events(one.run))
            await left.end(Ending.SUPERSEDED, None, by=by)
