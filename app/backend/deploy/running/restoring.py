"""The step that brings an earlier deployment back to serve."""

from collections.abc import Sequence
from typing import Final

from app.backend.deploy.planning.reverting import MIGRATION_PLAN
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.request import Variables
from app.backend.deploy.running.back_variables import (
    asked_variables,
    chosen_variables,
    in_a_hurry,
)
from app.backend.deploy.running.choosing import displacing, left_already, may_rebuild
from app.backend.deploy.running.earlier import looking_first
from app.backend.deploy.running.following import (
    PROGRESS_DEADLINE,
    active_of,
    follow,
    is_ready,
    is_serving,
    listed,
    tell_if_unknown,
)
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts, Step, StepFailedError
from app.errors import (
    ConfigError,
    DeploymentNotFoundError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
)

__all__ = ["RESTORE", "try_others"]


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
    tag, deployments = _tag(run), await listed(run)
    other = displacing(run, deployments)
    ours = any(one.tag == tag for one in deployments) or _may_be_ours(
        run, other, deployments
    )
    if other is not None and not ours:
        raise left_already(run, other)
    with looking_first(run, "restore"):
        return await _ask_for_it(run, tag)


async def _ask_for_it(run: Run, tag: str) -> Deployment:
    if run.fact("choose", "rebuild"):
        return await _build(run, tag)
    try:
        return await _repeat(run, tag, chosen_variables(run))
    except PlatformUnreachableError:
        raise
    except PlatformError as error:
        refused = isinstance(error, NotAuthorizedError)
        if not may_rebuild(run) or not (refused or await _is_gone(run)):
            raise
        run.remark(f"{error}; its commit is built anew")
        return await _build(run, tag)


async def _is_gone(run: Run) -> bool:
    """A platform may have given its image up since it was chosen."""
    platform, target = run.tools.platform, str(run.fact("choose", "target"))
    try:
        found = await run.ask("deployment", lambda: platform.deployment(target))
    except DeploymentNotFoundError:
        return True
    return not found.can_roll_back


def _may_be_ours(
    run: Run, other: Deployment | None, deployments: Sequence[Deployment]
) -> bool:
    """Whether an earlier process of this run may have brought it back.

    A platform may give what repeats a deployment the mark of that one; it then finds
    by itself what this run has asked for.
    """
    if other is None or other.tag is not None:
        return False
    target, commit = run.fact("choose", "target"), run.fact("choose", "target_commit")
    if any(one.id == target for one in deployments):
        return bool(other.rollback_of == target)
    # What is repeated lies too far back to be seen as that.
    return bool(other.commit == commit)


async def _repeat(run: Run, tag: str, variables: Variables) -> Deployment:
    """Some platforms give today's variables only to what they build."""
    platform, target = run.tools.platform, run.fact("choose", "target")
    if variables is Variables.CURRENT and not platform.restores_with_todays:
        run.detail(f"{target} is built anew, to get today's variables")
        return await _build(run, tag)
    if variables is Variables.CURRENT:
        await _without_plan(run)
    epoch = run.guard.epoch
    restored = await run.act(
        "roll back",
        lambda: platform.roll_back(target, tag=tag, epoch=epoch, variables=variables),
    )
    run.detail(f"{restored.id} is on its way")
    return restored


async def _build(run: Run, tag: str) -> Deployment:
    platform, epoch = run.tools.platform, run.guard.epoch
    commit = run.fact("choose", "target_commit")
    await _without_plan(run)
    built = await run.act(
        "deploy", lambda: platform.deploy(commit, tag=tag, epoch=epoch)
    )
    run.detail(f"{built.id} is on its way")
    return built


async def _without_plan(run: Run) -> None:
    """Clears the plan of what is left, where that has not been watched to its end.

    A way back migrates nothing; with a plan it would need a database that answers.
    """
    platform, epoch = run.tools.platform, run.guard.epoch
    if not platform.runs_commands:
        plan = {MIGRATION_PLAN: None}
        await run.act("variables", lambda: platform.set_variables(plan, epoch=epoch))


async def _settle(run: Run) -> Facts:
    restored = str(run.fact("restore", "restored"))
    if run.fact("choose", "adopted"):
        return {"meaning": f"users' requests go to {restored} already"}
    try:
        await _serves(run, restored)
    except StepFailedError as failure:
        others = await _others(run, restored)
        if others is None:
            raise
        return await _again(run, restored, failure, others)
    return {"meaning": f"users' requests go to {restored}"}


async def _serves(run: Run, restored: str) -> None:
    """Sees that users' requests go there, and sends them where the platform does not.

    Where the switch belongs to the rollback, ours finds that it has been made.
    """
    platform, deadline = run.tools.platform, PROGRESS_DEADLINE * 2
    if not platform.switches_itself:
        state = await follow(run, restored, is_ready, deadline=deadline, patient=True)
        if not is_serving(state):
            await run.act(
                "switch", lambda: platform.switch(restored, epoch=run.guard.epoch)
            )
    state = await follow(run, restored, is_serving, deadline=deadline, patient=True)
    tell_if_unknown(run, state)


async def try_others(run: Run, restored: str, failure: StepFailedError) -> Facts | None:
    """One more attempt with other variables, for what serves and is not well.

    Where a platform does not wait for the health of what it restores, a dead value
    shows only then.

    Returns:
        What has come back instead; None: there is nothing to try, or something else
        has taken its place.

    Raises:
        StepFailedError: that does not come back either.
    """
    tried = run.fact("restore", "variables") or run.fact("choose", "adopted")
    if tried or not _may_differ(run):
        return None
    now, others = active_of(await listed(run)), await _others(run, restored)
    ours = now and (now.id == restored or now.tag == _tag(run, again=True))
    if others is None or not ours:
        return None
    return await _again(run, restored, failure, others)


def _may_differ(run: Run) -> bool:
    """Whether a variable that the service needs has changed, or nobody can tell."""
    return bool(run.fact("choose", "reverting") or run.fact("choose", "unknown"))


async def _others(run: Run, restored: str) -> Variables | None:
    """The variables that may bring back what those chosen could not, in a hurry.

    None: there are none to try, or somebody is there to be asked.
    """
    if run.fact("choose", "rebuild") or not in_a_hurry(run):
        return None
    asked, chosen = asked_variables(run), chosen_variables(run)
    if asked is None and _may_differ(run):
        wanted = {Variables.TARGET, Variables.CURRENT} - {chosen}
        return wanted.pop()
    if chosen is Variables.CURRENT:
        return None
    return Variables.CURRENT if await _is_held_up_by_a_plan(run, restored) else None


async def _is_held_up_by_a_plan(run: Run, restored: str) -> bool:
    """Whether it was given the hash of a migration's plan, as nothing built anew is.

    A pipeline that leaves migrations to the pre-deploy command sets the plan's hash for
    one deployment and clears it afterwards; the snapshot of that deployment keeps it.
    With it the command has to ask the database first, and fails while that is away.
    Where variables cannot be read one more attempt costs nothing but time.
    """
    platform = run.tools.platform
    try:
        own = await run.ask("variables", lambda: platform.variables(restored))
    except PlatformUnreachableError:
        raise
    except (ConfigError, PlatformError):
        return True
    return bool(own.get(MIGRATION_PLAN))


async def _again(
    run: Run, failed: str, failure: StepFailedError, variables: Variables
) -> Facts:
    words, had = "today's variables", "the variables that it had"
    if variables is Variables.TARGET:
        why = f"with {words}; once more, with {had}"
    elif _may_differ(run):
        why = f"with {had}; once more, with {words}"
    else:
        why = (
            f"with {had}, which may hold the {MIGRATION_PLAN} of a migration that is"
            f" over; once more, with {words}"
        )
    run.remark(f"{failed} does not come back {why}")
    await run.note("restore", failed=failed, cause=str(failure))
    with looking_first(run, "restore"):
        again = await _repeat(run, _tag(run, again=True), variables)
    await _serves(run, again.id)
    chosen = words if variables is Variables.CURRENT else had
    meaning = f"users' requests go to {again.id}, with {chosen}"
    return {
        **_restored_as(run, again.id),
        "variables": variables,
        "meaning": meaning,
    }


RESTORE: Final = Step(
    name="restore",
    duty="brings the earlier deployment back",
    intend=_intend,
    call=_restore,
    settle=_settle,
)
