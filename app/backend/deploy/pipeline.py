"""A release goes out: ``make_plan`` says what would happen, ``deploy`` does it.

::

    plan → lease → preflight → expand → deploy → gate → switch → bake → finalise
                                  └──── withdraw ───┘              │
                                       choose → restore → verify ──┘
"""

import secrets
from datetime import datetime

from app.backend.database.lease import Guard
from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.planning.survey import look_back, survey
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.running.conduct import conduct_deploy, conduct_rollback
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.steps_back import BACKWARD
from app.backend.deploy.running.taking_over import (
    end_others,
    refuse_if_held,
    take_lease,
    unlocked,
)
from app.backend.deploy.tools import Tools
from app.errors import JournalError, PreflightError

__all__ = ["deploy", "make_plan", "new_run_id", "resume"]

_SECOND = 1.0


def new_run_id(now: datetime) -> str:
    """Names a run; sorts by time, and is short enough to be typed."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


async def make_plan(request: DeployRequest, tools: Tools) -> Plan:
    """Looks, and changes nothing; what ``--dry-run`` prints.

    Raises:
        TargetError, ConfigError: the commit is not here, or its settings are unusable.
        PlatformUnreachableError: nothing is known.
    """
    return await survey(request, tools)


async def deploy(request: DeployRequest, tools: Tools) -> RunReport:
    """Brings a commit to serve, watches it, and undoes it when it turns bad.

    Raises:
        PreflightError: refused before anything was touched.
        TargetError, ConfigError: the commit is not here, or its settings are unusable.
        LeaseHeldError: somebody else is at work.
        LeaseLostError: somebody else has taken over; nothing more was written.
        PlatformUnreachableError: nothing is known, and nothing was touched.
        JournalError: the run cannot be written down, so it was not begun.
    """
    plan = await survey(request, tools)
    if plan.refusals:
        # Whoever is at work explains most of them.
        await refuse_if_held(tools)
        raise _refused(plan)
    tools.say(plan.text())
    run_id = new_run_id(tools.now())
    guard, note = await _leave_to_deploy(request, plan, tools, run_id)
    try:
        async with tools.journals(guard) as journals:
            run = Run(run_id, tools, guard, journals)
            if note:
                run.remark(note)
            if request.supersede:
                await end_others(tools, guard, journals, by=run_id)
            await run.begin(
                must_be_kept=True,
                kind="deploy",
                environment=tools.environment,
                platform=plan.platform,
                commit=plan.commit,
                previous_commit=plan.serving.commit if plan.serving else None,
                plan=plan.to_dict(),
                request=request.to_dict(),
                actor=request.actor,
                reason=request.reason,
                locked=guard.locked,
            )
            return await conduct_deploy(run)
    finally:
        await guard.release()


async def resume(tools: Tools, *, actor: str, run: str | None = None) -> RunReport:
    """Goes on with a run that was killed, interrupted or left undecided.

    A bake begins anew: time in which nobody looked is no time in which it was good.

    Args:
        tools: what to work with.
        actor: who asks.
        run: which one; None: the newest of this environment that has not ended.

    Raises:
        PreflightError: there is none.
        LeaseHeldError, LeaseLostError, PlatformUnreachableError: as :func:`deploy`.
    """
    async with tools.journals(None) as journals:
        found = _resumable((await look_back(journals)).runs, run)
        locked = _was_locked(await journals.events(found.run))
    tools.say(f"{found.kind} {found.run} of {found.commit[:12]} goes on")
    guard, note = await _leave_to_resume(found, tools, actor, locked=locked)
    try:
        async with tools.journals(guard) as journals:
            await journals.reconcile()
            going = Run(
                found.run, tools, guard, journals, await journals.events(found.run)
            )
            if going.state.ended:
                raise _nothing_to_resume()
            if note:
                going.remark(note)
            await going.note("run", resumed_by=actor)
            conduct = conduct_rollback if found.kind == "rollback" else conduct_deploy
            return await conduct(going)
    finally:
        await guard.release()


def _refused(plan: Plan) -> PreflightError:
    texts = "; ".join(one.text for one in plan.refusals)
    return PreflightError(texts, remedy=plan.refusals[0].remedy)


async def _leave_to_deploy(
    request: DeployRequest, plan: Plan, tools: Tools, run: str
) -> tuple[Guard, str]:
    """The lease; without one only when asked for, or when nothing can be lost yet."""
    try:
        guard = await take_lease(
            tools,
            holder=f"{request.actor} {run}",
            reason=f"deploy {plan.commit[:12]}",
            supersede=request.supersede,
        )
    except JournalError as error:
        if not request.unlocked and plan.serving is not None:
            raise PreflightError(
                f"there is no lease to be had: {error}",
                remedy=f"{error.remedy}; or go on alone with --unlocked",
            ) from error
        return await unlocked(tools), f"unlocked, without a lease: {error}"
    return guard, ""


async def _leave_to_resume(
    found: RunState, tools: Tools, actor: str, *, locked: bool
) -> tuple[Guard, str]:
    """The lease, once a dead holder's has run out.

    A way back is gone on with without a lease, as it would have been begun; and so is
    what has had none from the beginning.
    """
    try:
        guard = await take_lease(
            tools,
            holder=f"{actor} {found.run}",
            reason=f"resume {found.kind} {found.commit[:12]}",
            wait=tools.leases.ttl + _SECOND,
        )
    except JournalError as error:
        back = found.kind == "rollback" or any(map(found.step, _BACK))
        if locked and not back:
            raise PreflightError(
                f"there is no lease to be had: {error}", remedy=error.remedy
            ) from error
        return await unlocked(tools), f"unlocked, without a lease: {error}"
    return guard, ""


_BACK = tuple(step.name for step in BACKWARD)


def _was_locked(events: tuple[Event, ...]) -> bool:
    begun = (event for event in events if event.kind is EventKind.BEGIN)
    return any(event.data.get("locked") is not False for event in begun)


def _resumable(runs: tuple[RunState, ...], run: str | None) -> RunState:
    for one in runs:
        if one.begun and not one.ended and run in {None, one.run}:
            return one
    raise _nothing_to_resume()


def _nothing_to_resume() -> PreflightError:
    return PreflightError(
        "there is no run that could be gone on with",
        remedy="`pm33 deployments` shows how each has ended",
    )
