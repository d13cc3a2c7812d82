"""The steps back: a release that never served is withdrawn, a bad one is left."""

from functools import partial
from typing import Any, Final

from app.backend.deploy.report import summary_of
from app.backend.deploy.running.choosing import CHOOSE
from app.backend.deploy.running.deploy_order import rollback_request
from app.backend.deploy.running.following import (
    active_of,
    follow,
    listed,
    replicas_of,
)
from app.backend.deploy.running.restoring import RESTORE, try_others
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    Step,
    StepFailedError,
    no_call,
    nothing,
)
from app.backend.deploy.running.steps import FINALISE, FORWARD
from app.backend.deploy.running.steps_watching import prove
from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.gate import GateLimits
from app.backend.deploy.watching.samples import Expected

__all__ = ["BACKWARD", "STEPS", "VERIFY", "WITHDRAW"]

WITHDRAW_DEADLINE = 60.0
VERIFY_HOLD = 2.0
"""Seconds from the first to the third green round."""
VERIFY_DEADLINE = 60.0
_BETWEEN_ROUNDS = 0.25
"""Seconds, where one green round is enough: what is sick is asked with pauses."""


async def _withdraw(run: Run) -> Facts:
    platform = run.tools.platform
    deployments = await listed(run)
    # Of one that an earlier process has made, a platform may have lost the tag.
    own = {one.id for one in deployments if one.tag == run.id} | {run.state.deployment}
    ours = [one for one in deployments if one.id in own and not one.active]
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
    now = active_of(await listed(run))
    ended = f"{', '.join(withdrawn)} is ended; " if withdrawn else ""
    still = f"{summary_of(now)} still serves" if now else "nothing serves"
    return {"meaning": ended + still}


async def _verify(run: Run) -> Facts:
    """Looks at what has come back; in a hurry, also with other variables."""
    restored = str(run.fact("restore", "restored"))
    try:
        return await _proven(run, restored)
    except StepFailedError as failure:
        again = await try_others(run, restored, failure)
        if again is None:
            raise
    return {**again, **await _proven(run, str(again["restored"]))}


async def _proven(run: Run, restored: str) -> Facts:
    """Identity, and three green rounds; one where it has to be quick."""
    commit = str(run.fact("choose", "target_commit"))
    hold = _hold(run)
    checks = run.fact("choose", "checks") or {}
    facts = await prove(
        run,
        Expected(restored, commit),
        url=await run.url(),
        baseline=Baseline.from_dict(Baseline().to_dict() | {"checks": checks}),
        limits=GateLimits(
            replicas=await replicas_of(run, restored, commit),
            hold=hold,
            deadline=VERIFY_DEADLINE,
            interval=max(hold / 2, 0.05) if hold else _BETWEEN_ROUNDS,
        ),
    )
    return {**facts, "meaning": f"{restored} answers as itself, and well"}


def _hold(run: Run) -> float:
    request = rollback_request(run)
    if request is not None and request.immediate:
        return 0.0
    asked: Any = run.state.request.get("gate_hold")
    return VERIFY_HOLD if asked is None else min(float(asked), VERIFY_HOLD)


WITHDRAW: Final = Step(
    name="withdraw",
    duty="ends a release that does not serve; what served goes on serving",
    intend=nothing,
    call=_withdraw,
    settle=_withdrawn,
    final=False,
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
