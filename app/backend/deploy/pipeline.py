"""A release goes out: ``make_plan`` says what would happen, ``deploy`` does it.

::

    plan → lease → preflight → expand → deploy → gate → switch → bake → finalise
                                  └──── withdraw ───┘              │
                                       choose → restore → verify ──┘
"""

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.planning.survey import survey
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.resumable import find_resumable, nothing_to_resume
from app.backend.deploy.running.closing import (
    INTERRUPTED,
    Close,
    failure_of,
    finalised,
    to_the_end,
)
from app.backend.deploy.running.deploy_order import order_of
from app.backend.deploy.running.leave_to_act import leave_to_act, refuse_if_held
from app.backend.deploy.running.pushes import hold_back
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    PausedRunError,
    StepFailedError,
    SupersededRunError,
)
from app.backend.deploy.running.steps import DEPLOY, EXPAND, PREFLIGHT, SWITCH
from app.backend.deploy.running.steps_back import BACKWARD, WITHDRAW
from app.backend.deploy.running.steps_watching import BAKE, GATE
from app.backend.deploy.running.superseding import end_others
from app.backend.deploy.running.way_back import Place, come_back, go_back, place_of
from app.backend.deploy.tools import Tools
from app.errors import InterruptedRunError, JournalError, PreflightError

__all__ = ["deploy", "make_plan", "new_run_id", "resume"]

UNWATCHED = f"{INTERRUPTED}: the release serves, and nobody watches it now"


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
    guard, note = await leave_to_act(
        tools,
        holder=f"{request.actor} {run_id}",
        reason=f"deploy {plan.commit[:12]}",
        patient=False,
        supersede=request.supersede,
        alone=request.unlocked or plan.first,
        remedy="; or go on alone with --unlocked",
    )
    try:
        async with tools.journals(guard) as journals:
            run = Run(run_id, tools, guard, journals)
            if note:
                run.remark(note)
            tools.interrupt.check()
            if request.supersede:
                await end_others(tools, guard, journals, by=run_id, everything=True)
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
            return await to_the_end(run, _go_out)
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
        found = await find_resumable(journals, run)
    tools.say(f"{found.kind} {found.run} of {found.commit[:12]} goes on")
    # A way back is gone on with without a lease, as it would have been begun; and so
    # is what has had none from the beginning.
    back = found.kind == "rollback" or any(found.step(one.name) for one in BACKWARD)
    guard, note = await leave_to_act(
        tools,
        holder=f"{actor} {found.run}",
        reason=f"resume {found.kind} {found.commit[:12]}",
        patient=True,
        supersede=False,
        alone=back or not found.locked,
    )
    try:
        async with tools.journals(guard) as journals:
            # A file that a stopped process has locked: the rows are enough to go on.
            with suppress(JournalError):
                await journals.reconcile()
            going = Run(
                found.run, tools, guard, journals, await journals.events(found.run)
            )
            if going.state.ended:
                raise nothing_to_resume()
            if note:
                going.remark(note)
            await going.note("run", resumed_by=actor)
            work = come_back if found.kind == "rollback" else _go_out
            return await to_the_end(going, work)
    finally:
        await guard.release()


async def _go_out(run: Run) -> Close:
    """Everything that a deploy does; what an earlier process has done is not repeated.

    Raises:
        PreflightError: nothing was touched.
        LeaseLostError, PlatformUnreachableError: see :func:`to_the_end`.
    """
    try:
        await hold_back(run)
        if run.begun(WITHDRAW.name, *(step.name for step in BACKWARD)):
            raise failure_of(run)
        await run.perform(PREFLIGHT)
        await run.perform(EXPAND)
        await run.perform(DEPLOY)
        await run.perform(GATE)
        await run.perform(SWITCH)
        await run.perform(BAKE)
    except StepFailedError as failure:
        close = await _undo(run, failure)
    except InterruptedRunError:
        close = await _stop(run)
    except PausedRunError as pause:
        close = Close.undecided(Ending.PAUSED, pause, final=False)
    except SupersededRunError as other:
        close = Close.undecided(Ending.SUPERSEDED, other, final=True)
    else:
        watched = run.fact("bake", "verdict")
        ending = Ending.DONE if watched else Ending.UNBAKED
        close = Close(ending=ending, verdict=watched)
    return await finalised(run, close)


async def _undo(run: Run, failure: StepFailedError) -> Close:
    """Withdraws a release that has never served, and leaves one that serves."""
    run.heeds = False
    close = Close(
        ending=Ending.FAILED,
        verdict=failure.verdict,
        cause=str(failure),
        evidence=failure.evidence,
        log=failure.log,
    )
    back = run.begun(*(step.name for step in BACKWARD))
    place = Place.SERVES if back else await place_of(run)
    if place is Place.DISPLACED:
        # Whatever was seen last may have been the other's.
        return replace(close, ending=Ending.SUPERSEDED, verdict="inconclusive")
    if place is Place.BESIDE:
        return await _withdraw(run, close)
    if not order_of(run).request.rollback:
        return replace(close, ending=Ending.STRANDED)
    ending, trouble = await go_back(run, Ending.ROLLED_BACK)
    cause = f"{failure}; then {trouble}" if trouble else str(failure)
    return replace(close, ending=ending, cause=cause)


async def _withdraw(run: Run, close: Close) -> Close:
    try:
        await run.perform(WITHDRAW)
    except StepFailedError as trouble:
        run.remark(f"the release is not withdrawn: {trouble}")
        return replace(close, final=False)
    return close


async def _stop(run: Run) -> Close:
    """The first Ctrl-C: before the switch back, after it only no more watching."""
    run.heeds = False
    if await place_of(run) is Place.SERVES:
        return Close(ending=Ending.INTERRUPTED, cause=UNWATCHED, final=False)
    run.say("stopping: what serves stays, the release is withdrawn")
    close = await _undo(run, StepFailedError(INTERRUPTED))
    withdrawn = close.ending is Ending.FAILED
    return replace(close, ending=Ending.INTERRUPTED) if withdrawn else close


def _refused(plan: Plan) -> PreflightError:
    texts = "; ".join(one.text for one in plan.refusals)
    remedies = dict.fromkeys(one.remedy for one in plan.refusals if one.remedy)
    return PreflightError(texts, remedy="; ".join(remedies))
