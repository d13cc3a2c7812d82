"""An earlier deployment comes back, and is verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.planning.choice import Choice, choose, is_restorable
from app.backend.deploy.planning.looking_back import Past, look_back, look_further
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.history import goes_back, quarantined
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import blame_of
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import RollbackRequest, Variables
from app.backend.deploy.running.asking import ask
from app.backend.deploy.running.closing import to_the_end
from app.backend.deploy.running.following import active_of
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.superseding import end_others
from app.backend.deploy.running.way_back import come_back
from app.backend.deploy.tools import Tools
from app.errors import (
    ConfigError,
    PlatformError,
    PlatformUnreachableError,
    PreflightError,
)

__all__ = ["roll_back"]

_NO_REASON = "user_initiated"
"""What a request says that gives no reason of its own."""


@dataclass(frozen=True, slots=True)
class _Way:
    """From where to where.

    Attributes:
        leaving: what serves, and is to serve no longer; None: nothing does.
        backwards: whether it leads to something older.
        warning: what speaks against it; empty: nothing does.
    """

    leaving: Deployment | None
    choice: Choice
    backwards: bool
    warning: str = ""


async def roll_back(request: RollbackRequest, tools: Tools) -> RunReport:
    """Brings an earlier deployment back, and looks that it is the one that serves.

    It needs the platform alone. Without the state database it goes on unlocked, with
    an epoch above the platform's; without journals it believes the platform's list.
    A run that has been left undecided or is only watching is ended by it. What is left
    is what serves when it is asked for: if somebody else leaves that meanwhile, it
    only verifies that what was to come back serves.

    Raises:
        NoWayBackError: there is nothing to return to, or the target names nothing that
            could be, or more than one thing.
        PreflightError: something else serves meanwhile, today's variables are asked
            for and cannot be read, or the target was found bad and it is not said why
            it is good now; nothing was touched.
        LeaseHeldError: somebody else is at work, and not only watching.
        LeaseLostError: somebody else has taken over; nothing more was written.
        PlatformUnreachableError: nothing is known, and nothing was touched.
        InterruptedRunError: somebody has asked to stop before it was begun.
    """
    way = await _find(request, tools)
    if request.variables is Variables.CURRENT or way.choice.rebuild:
        await _see_variables(tools)
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
            for remark in filter(None, (note, way.warning)):
                run.remark(remark)
            await end_others(tools, guard, journals, by=run_id, spared=request.rotation)
            await _begin(run, request, way)
            return await to_the_end(run, come_back)
    finally:
        await guard.release()


async def _find(request: RollbackRequest, tools: Tools) -> _Way:
    def chosen(deployments: Sequence[Deployment], past: Past) -> Choice:
        leaving = active_of(deployments)
        return choose(
            deployments,
            past.runs,
            leaving=leaving.commit if leaving else None,
            named=request.target,
            may_rebuild=request.emergency or request.allow_rebuild,
            now=tools.now(),
        )

    async def listed(limit: int) -> Sequence[Deployment]:
        return await ask(
            tools, "deployments", partial(tools.platform.deployments, limit)
        )

    async with tools.journals(None) as journals:
        deployments, past = await look_further(
            listed,
            partial(look_back, journals),
            lambda *known: is_restorable(partial(chosen, *known)),
            say=tools.say,
        )
    if past.trouble:
        tools.say(past.trouble)
    choice, leaving = chosen(deployments, past), active_of(deployments)
    serves = leaving is not None and leaving.commit == choice.target.commit
    against = None if serves else quarantined(past.runs).get(choice.target.commit)
    warning = _against(choice.target, against, request) if against else ""
    backwards = leaving is None or goes_back(choice.target, leaving, deployments)
    return _Way(leaving, choice, backwards, warning)


def _against(target: Deployment, by: RunState, request: RollbackRequest) -> str:
    """What is said of a target that was found bad; as a deploy does, it asks why.

    Raises:
        PreflightError: the request does not say why.
    """
    because = f" because {why}" if (why := blame_of(by)) else ""
    told = f"{target.commit[:12]} was rolled back by {by.run}{because}"
    if request.reason == _NO_REASON:
        raise PreflightError(
            told, remedy="say with --reason why it is good now, or name another one"
        )
    return f"warning: {told}"


async def _see_variables(tools: Tools) -> None:
    """Those that somebody has broken are minded before anything is touched."""
    try:
        await ask(tools, "variables", tools.platform.variables)
    except PlatformUnreachableError:
        raise
    except ConfigError as error:
        raise PreflightError(
            f"today's variables cannot be read: {error}", remedy=error.remedy
        ) from error
    except PlatformError as error:
        tools.say(f"today's variables are not known: {error}")


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
