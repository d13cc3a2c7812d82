"""The step that brings an earlier deployment back to serve."""

from typing import Final

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.request import Variables
from app.backend.deploy.running.choosing import (
    displacing,
    left_already,
    rollback_request,
)
from app.backend.deploy.running.following import (
    PROGRESS_DEADLINE,
    follow,
    is_ready,
    is_serving,
    listed,
)
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts, Step, StepFailedError
from app.backend.deploy.running.steps import MIGRATION_PLAN
from app.errors import ConfigError, PlatformError, PlatformUnreachableError

__all__ = ["RESTORE"]


def _tag(run: Run, *, again: bool = False) -> str:
    """What the deployment that a run returns to is tagged with."""
    return f"{run.id}/back-again" if again else f"{run.id}/back"


def _intend(run: Run) -> Facts:
    return {"tag": _tag(run), "target": run.fact("choose", "target")}


async def _restore(run: Run) -> Facts:
    adopted = run.fact("choose", "adopted")
    return _restored_as(run, adopted or (await _bring_back(run)).id)


def _restored_as(run: Run, deployment: str) -> Facts:
    key = "deployment" if run.state.kind == "rollback" else "restored_as"
    return {"restored": deployment, key: deployment}


async def _bring_back(run: Run) -> Deployment:
    platform, tag, epoch = run.tools.platform, _tag(run), run.guard.epoch
    commit = run.fact("choose", "target_commit")
    deployments = await listed(run)
    other = displacing(run, deployments)
    if other is not None and not any(one.tag == tag for one in deployments):
        raise left_already(run, other)
    if not run.fact("choose", "rebuild"):
        return await _roll_back(run, tag, _variables(run))
    built = await run.act(
        "deploy", lambda: platform.deploy(commit, tag=tag, epoch=epoch)
    )
    run.say(f"          {built.id} is on its way")
    return built


def _variables(run: Run) -> Variables:
    request = rollback_request(run)
    return request.variables if request else Variables.TARGET


async def _roll_back(run: Run, tag: str, variables: Variables) -> Deployment:
    platform, target = run.tools.platform, run.fact("choose", "target")
    epoch = run.guard.epoch
    restored = await run.act(
        "roll back",
        lambda: platform.roll_back(target, tag=tag, epoch=epoch, variables=variables),
    )
    run.say(f"          {restored.id} is on its way")
    return restored


async def _settle(run: Run) -> Facts:
    restored = str(run.fact("restore", "restored"))
    if run.fact("choose", "adopted"):
        return {"meaning": f"users' requests go to {restored} already"}
    try:
        await _serves(run, restored)
    except StepFailedError as failure:
        if not await _is_held_up_by_a_plan(run, restored):
            raise
        return await _again_with_todays(run, restored, failure)
    return {"meaning": f"users' requests go to {restored}"}


async def _serves(run: Run, restored: str) -> None:
    """Sees that users' requests go there, and sends them where the platform does not.

    Where the switch belongs to the rollback, ours finds that it has been made.
    """
    platform, deadline = run.tools.platform, PROGRESS_DEADLINE * 2
    if not platform.switches_itself:
        state = await follow(run, restored, is_ready, deadline=deadline)
        if not is_serving(state):
            await run.act(
                "switch", lambda: platform.switch(restored, epoch=run.guard.epoch)
            )
    await follow(run, restored, is_serving, deadline=deadline)


async def _is_held_up_by_a_plan(run: Run, restored: str) -> bool:
    """Whether today's variables may bring back what its own could not, in an emergency.

    A pipeline that leaves migrations to the pre-deploy command sets the plan's hash for
    one deployment and clears it afterwards; the snapshot of that deployment keeps it.
    With it the command has to ask the database first, and fails while that is away.
    Where variables cannot be read one more attempt costs nothing but time.
    """
    request = rollback_request(run)
    asked = request is None or request.emergency
    if (
        not asked
        or _variables(run) is Variables.CURRENT
        or run.fact("choose", "rebuild")
    ):
        return False
    platform = run.tools.platform
    try:
        own = await run.ask("variables", lambda: platform.variables(restored))
        todays = await run.ask("variables", platform.variables)
    except PlatformUnreachableError:
        raise
    except (ConfigError, PlatformError):
        return True
    return MIGRATION_PLAN in own and MIGRATION_PLAN not in todays


async def _again_with_todays(run: Run, failed: str, failure: StepFailedError) -> Facts:
    run.remark(
        f"{failed} does not come back with the variables that it had, which may hold"
        f" the {MIGRATION_PLAN} of a migration that is over; once more, with today's"
    )
    await run.note("restore", failed=failed, cause=str(failure))
    again = await _roll_back(run, _tag(run, again=True), Variables.CURRENT)
    await _serves(run, again.id)
    meaning = f"users' requests go to {again.id}, with today's variables"
    return {
        **_restored_as(run, again.id),
        "variables": Variables.CURRENT,
        "meaning": meaning,
    }


RESTORE: Final = Step(
    name="restore",
    duty="brings the earlier deployment back",
    intend=_intend,
    call=_restore,
    settle=_settle,
)
