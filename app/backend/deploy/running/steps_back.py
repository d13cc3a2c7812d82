"""The steps back: a release that never served is withdrawn, a bad one is left."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final

from app.backend.deploy.planning.choice import choose
from app.backend.deploy.report import summary_of
from app.backend.deploy.request import RollbackRequest, Variables
from app.backend.deploy.running.looking import (
    follow,
    is_ready,
    is_serving,
    last_lines,
    replicas_of,
    serving,
)
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    Step,
    StepFailedError,
    no_call,
    nothing,
)
from app.backend.deploy.running.steps import FINALISE, FORWARD, PROGRESS_DEADLINE
from app.backend.deploy.watching.baseline import Baseline, take_baseline
from app.backend.deploy.watching.gate import GateLimits, gate
from app.backend.deploy.watching.samples import Expected
from app.errors import JournalError, NoWayBackError, TargetError

__all__ = ["BACKWARD", "CHOOSE", "RESTORE", "STEPS", "VERIFY", "WITHDRAW", "back_tag"]

WITHDRAW_DEADLINE = 60.0
VERIFY_HOLD = 2.0
"""Seconds from the first to the third green round."""
VERIFY_DEADLINE = 60.0
_LISTED = 50
_GLANCE = 2.0
"""Seconds for a look at the release that is left; a health page takes far less."""


def back_tag(run: str) -> str:
    """What the deployment that a run returns to is tagged with."""
    return f"{run}/back"


async def _withdraw(run: Run) -> Facts:
    platform = run.tools.platform
    listed = await run.ask("deployments", lambda: platform.deployments(_LISTED))
    ours = [one for one in listed if one.tag == run.id and not one.active]
    for one in ours:
        if not one.status.is_over:
            cancel = partial(platform.cancel, one.id, epoch=run.guard.epoch)
            await run.act("cancel", cancel)
    return {"withdrawn": [one.id for one in ours]}


async def _withdrawn(run: Run) -> Facts:
    withdrawn = run.fact("withdraw", "withdrawn") or []
    for one in withdrawn:
        await follow(
            run, one, lambda state: state.status.is_over, deadline=WITHDRAW_DEADLINE
        )
    now = await run.ask("deployments", lambda: serving(run.tools.platform))
    ended = f"{', '.join(withdrawn)} is ended; " if withdrawn else ""
    still = f"{summary_of(now)} still serves" if now else "nothing serves"
    return {"meaning": ended + still}


async def _choose(run: Run) -> Facts:
    platform = run.tools.platform
    request = _rollback_request(run)
    listed = await run.ask("deployments", lambda: platform.deployments(_LISTED))
    try:
        runs = await run.journals.runs(_LISTED)
    except JournalError as error:
        run.remark(f"earlier runs are not known: {error}")
        runs = ()
    leaving = next((one for one in listed if one.active), None)
    try:
        choice = choose(
            listed,
            [one for one in runs if one.run != run.id],
            leaving=leaving.commit if leaving else None,
            named=request.target if request else None,
            # Going back by itself is an emergency, too: nobody is there to be asked.
            may_rebuild=request is None or request.emergency or request.allow_rebuild,
        )
    except (NoWayBackError, TargetError) as error:
        raise StepFailedError(str(error)) from error
    return {
        "target": choice.target.id,
        "target_commit": choice.target.commit,
        "rebuild": choice.rebuild,
        "leaving": leaving.id if leaving else None,
        "why": choice.why,
    }


async def _chosen(run: Run) -> Facts:
    """Notes which components are bad already; the way back is not to be blamed.

    A release that does not answer knows of none, and users wait meanwhile.
    """
    leaving, checks = run.fact("choose", "leaving"), {}
    if leaving is not None:
        prober = run.tools.prober(leaving, url=await run.tools.platform.url())
        with suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE):
                found = await take_baseline(prober, rounds=1, clock=run.tools.clock)
                checks = found.to_dict()["checks"]
    target, why = run.fact("choose", "target"), run.fact("choose", "why")
    return {"checks": checks, "meaning": f"back to {target}, {why}"}


def _intend_restore(run: Run) -> Facts:
    target = run.fact("choose", "target")
    return {"tag": back_tag(run.id), "target": target}


async def _restore(run: Run) -> Facts:
    platform, tag = run.tools.platform, back_tag(run.id)
    target, commit = run.fact("choose", "target"), run.fact("choose", "target_commit")
    request = _rollback_request(run)
    variables = request.variables if request else Variables.TARGET
    if run.fact("choose", "rebuild"):
        restored = await run.act(
            "deploy", lambda: platform.deploy(commit, tag=tag, epoch=run.guard.epoch)
        )
    else:
        restored = await run.act(
            "roll back",
            lambda: platform.roll_back(
                target, tag=tag, epoch=run.guard.epoch, variables=variables
            ),
        )
    run.say(f"          {restored.id} is on its way")
    key = "deployment" if run.state.kind == "rollback" else "restored_as"
    return {"restored": restored.id, key: restored.id}


async def _restored(run: Run) -> Facts:
    platform, restored = run.tools.platform, str(run.fact("restore", "restored"))
    if run.fact("choose", "rebuild") and not platform.switches_itself:
        await follow(run, restored, is_ready, deadline=PROGRESS_DEADLINE * 2)
        await run.act(
            "switch", lambda: platform.switch(restored, epoch=run.guard.epoch)
        )
    await follow(run, restored, is_serving, deadline=PROGRESS_DEADLINE * 2)
    return {"meaning": f"users' requests go to {restored}"}


async def _verify(run: Run) -> Facts:
    """Identity, and three green rounds; one where it has to be quick."""
    tools, restored = run.tools, str(run.fact("restore", "restored"))
    commit = str(run.fact("choose", "target_commit"))
    hold = _hold(run)
    checks = run.fact("choose", "checks") or {}
    report = await run.wait(
        gate(
            tools.prober(restored, url=await tools.platform.url()),
            expected=Expected(restored, commit),
            limits=GateLimits(
                replicas=await replicas_of(run, commit),
                hold=hold,
                deadline=VERIFY_DEADLINE,
                interval=max(hold / 2, 0.05),
            ),
            baseline=Baseline.from_dict(Baseline().to_dict() | {"checks": checks}),
            control=tools.control,
            clock=tools.clock,
        )
    )
    if not report.passed:
        raise StepFailedError(
            report.reason,
            evidence=report.to_dict(),
            log=await last_lines(run, restored),
        )
    return {
        "gate": report.to_dict(),
        "meaning": f"{restored} answers as itself, and well",
    }


def _hold(run: Run) -> float:
    request = _rollback_request(run)
    if request is not None and request.immediate:
        return 0.0
    asked: Any = run.state.request.get("gate_hold")
    return VERIFY_HOLD if asked is None else min(float(asked), VERIFY_HOLD)


def _rollback_request(run: Run) -> RollbackRequest | None:
    """What was asked for; None when a deploy goes back by itself."""
    if run.state.kind != "rollback":
        return None
    return RollbackRequest.from_dict(run.state.request)


WITHDRAW: Final = Step(
    name="withdraw",
    duty="ends a release that does not serve; what served goes on serving",
    intend=nothing,
    call=_withdraw,
    settle=_withdrawn,
)
CHOOSE: Final = Step(
    name="choose",
    duty="finds what to return to, and what is bad whoever serves",
    intend=nothing,
    call=_choose,
    settle=_chosen,
)
RESTORE: Final = Step(
    name="restore",
    duty="brings the earlier deployment back",
    intend=_intend_restore,
    call=_restore,
    settle=_restored,
)
VERIFY: Final = Step(
    name="verify",
    duty="sees that it is the one that answers, and that it answers well",
    intend=nothing,
    call=no_call,
    settle=_verify,
)

BACKWARD: Final = (CHOOSE, RESTORE, VERIFY)
STEPS: Final = (*FORWARD, WITHDRAW, *BACKWARD, FINALISE)
"""Every step there is: the kill tests iterate over them, so that one without fails."""
