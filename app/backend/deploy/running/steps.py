"""The steps forward."""

from typing import Final

from app.backend.deploy.planning.findings import under_way
from app.backend.deploy.planning.reverting import MIGRATION_PLAN
from app.backend.deploy.report import summary_of
from app.backend.deploy.running.as_wanted import unmet, unmet_words
from app.backend.deploy.running.deploy_order import limits_of, order_of, release_of
from app.backend.deploy.running.earlier import looking_first
from app.backend.deploy.running.following import (
    PROGRESS_DEADLINE,
    active_of,
    follow,
    is_ready,
    is_serving,
    listed,
    redacted,
    tell_if_unknown,
)
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts, Step, StepFailedError, nothing
from app.backend.deploy.running.steps_watching import BAKE, GATE
from app.backend.deploy.watching.baseline import take_baseline
from app.backend.deploy.watching.samples import same_commit
from app.errors import PlatformUnreachableError, PreflightError

__all__ = ["DEPLOY", "EXPAND", "FINALISE", "FORWARD", "PREFLIGHT", "SWITCH"]

MIGRATE = ("pm33", "migrate", "up", "--phase", "expand")
MIGRATE_DEADLINE = 1800.0
SWITCH_DEADLINE = 60.0
BASELINE_ROUNDS = 3
_ROUND = 1.0


async def _preflight(run: Run) -> Facts:
    """Sees that the world is still as it was planned for, now that nobody else acts."""
    order, deployments = order_of(run), await listed(run)
    now = active_of(deployments)
    if (now.id if now else None) != order.serving:
        raise PreflightError(
            f"{summary_of(now)} serves, which was not so when the plan was made",
            remedy="look at `pm33 deployments`, and deploy again",
        )
    others = [one for one in under_way(deployments) if one.tag != run.id]
    if others:
        raise PreflightError(
            f"{summary_of(others[0])} is under way, {others[0].status}",
            remedy="wait for it, or end it with"
            f" `pm33 deployments cancel {others[0].id}` or --supersede",
        )
    return {}


async def _measure(run: Run) -> Facts:
    order, tools = order_of(run), run.tools
    before = order.serving
    if before is None:
        return {"baseline": None, "meaning": "nothing serves"}
    baseline = await run.wait(
        take_baseline(
            tools.prober(before, url=await run.url()),
            rounds=BASELINE_ROUNDS,
            interval=min(_ROUND, limits_of(run).interval),
            clock=tools.clock,
        )
    )
    return {"baseline": baseline.to_dict(), "meaning": f"{before} serves"}


async def _migrate(run: Run) -> Facts:
    order, platform = order_of(run), run.tools.platform
    if not order.migrates:
        return {}
    if not platform.runs_commands:
        variables = {MIGRATION_PLAN: await run.tools.schema.plan_hash()}
        await run.act(
            "variables",
            lambda: platform.set_variables(variables, epoch=run.guard.epoch),
        )
        return {"by": "pre-deploy"}
    try:
        done = await run.act_once(
            lambda: platform.run(
                run.state.commit,
                MIGRATE,
                epoch=run.guard.epoch,
                timeout=MIGRATE_DEADLINE,
            )
        )
    except PlatformUnreachableError as error:
        return await _look_what_came_of_it(run, error)
    if done.code != 0:
        raise StepFailedError(
            f"the migration ended with {done.code}; nothing was deployed",
            log=await redacted(run, done.output.splitlines()),
        )
    return {"by": "pipeline"}


async def _look_what_came_of_it(run: Run, error: PlatformUnreachableError) -> Facts:
    """A migration has no tag that it could be found by, but the schema tells."""
    if await run.tools.schema.pending(run.state.commit) == ():
        return {"by": "pipeline"}
    raise StepFailedError(
        f"how the migration has ended is not known: {error}; nothing was deployed"
    ) from error


async def _migrated(run: Run) -> Facts:
    by = run.fact("expand", "by")
    if by is None:
        return {"meaning": "nothing to migrate"}
    if by == "pre-deploy":
        return {"meaning": "left to the release's pre-deploy command"}
    return {"meaning": "expand revisions are applied"}


async def _deploy(run: Run) -> Facts:
    platform, commit = run.tools.platform, run.state.commit
    if run.state.deployment is not None:
        # An earlier process was told its id; whether it is to be seen is another thing.
        return {"deployment": run.state.deployment}
    with looking_first(run, "deploy"):
        created = await run.act(
            "deploy",
            lambda: platform.deploy(commit, tag=run.id, epoch=run.guard.epoch),
        )
    run.detail(f"{created.id} is on its way")
    return {"deployment": created.id}


async def _ready(run: Run) -> Facts:
    platform, deployment = run.tools.platform, release_of(run)
    good = is_serving if platform.switches_itself else is_ready
    own = float(order_of(run).settings["healthcheck_timeout"])
    deadline = PROGRESS_DEADLINE + own
    state = await follow(run, deployment, good, deadline=deadline, patient=True)
    if state.commit and same_commit(state.commit, run.state.commit) is not True:
        raise StepFailedError(
            f"{deployment} was made of {state.commit}, not of what was asked for"
        )
    tell_if_unknown(run, state)
    lost = unmet(order_of(run).settings, state.ran_with)
    if lost:
        run.remark(unmet_words(deployment, lost))
    return {
        "unmet": {name: list(both) for name, both in lost.items()},
        "meaning": f"{deployment} is {state.status}, beside what serves",
    }


async def _switch(run: Run) -> Facts:
    order, platform, deployment = order_of(run), run.tools.platform, release_of(run)
    now = active_of(await listed(run))
    if (now.id if now else None) not in {order.serving, deployment}:
        raise StepFailedError(
            f"{summary_of(now)} serves, which this run knows nothing of"
        )
    await run.act("switch", lambda: platform.switch(deployment, epoch=run.guard.epoch))
    return {}


async def _switched(run: Run) -> Facts:
    deployment = release_of(run)
    await follow(run, deployment, is_serving, deadline=SWITCH_DEADLINE)
    return {"meaning": f"users' requests go to {deployment}"}


async def _tidy(run: Run) -> Facts:
    if run.fact("expand", "by") == "pre-deploy":
        platform = run.tools.platform
        await run.act(
            "variables",
            lambda: platform.set_variables(
                {MIGRATION_PLAN: None}, epoch=run.guard.epoch
            ),
        )
    return {}


async def _summarise(run: Run) -> Facts:
    now = active_of(await listed(run))
    meaning = f"{summary_of(now)} serves"
    return {"serves": now.id if now else None, "meaning": meaning}


def _tagged(run: Run) -> Facts:
    return {"tag": run.id, "commit": run.state.commit}


PREFLIGHT: Final = Step(
    name="preflight",
    duty="sees that nothing has changed since the plan, and how good it is now",
    intend=nothing,
    call=_preflight,
    settle=_measure,
)
EXPAND: Final = Step(
    name="expand",
    duty="brings the schema where the release needs it; the old one lives with it",
    intend=_tagged,
    call=_migrate,
    settle=_migrated,
)
DEPLOY: Final = Step(
    name="deploy",
    duty="brings the release up beside what serves",
    intend=_tagged,
    call=_deploy,
    settle=_ready,
)
SWITCH: Final = Step(
    name="switch",
    duty="sends users' requests to the release",
    intend=nothing,
    call=_switch,
    settle=_switched,
)
FINALISE: Final = Step(
    name="finalise",
    duty="clears what was set for this run, and says what serves",
    intend=nothing,
    call=_tidy,
    settle=_summarise,
    final=False,
)

FORWARD: Final = (PREFLIGHT, EXPAND, DEPLOY, GATE, SWITCH, BAKE)
