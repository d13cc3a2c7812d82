"""The first step back: what to return to, if what is to be left serves still."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from app.backend.deploy.planning.choice import Choice, choose, is_restorable
from app.backend.deploy.planning.findings import run_of_tag
from app.backend.deploy.planning.looking_back import look_further
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import summary_of
from app.backend.deploy.running.back_variables import choose_variables
from app.backend.deploy.running.deploy_order import order_of, rollback_request
from app.backend.deploy.running.following import active_of, listed
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    Step,
    StepFailedError,
    SupersededRunError,
    nothing,
)
from app.backend.deploy.watching.baseline import take_baseline
from app.errors import JournalError, NoWayBackError, PlatformError, PreflightError

__all__ = ["CHOOSE", "displacing", "left_already", "may_rebuild"]

_GLANCE = 2.0
"""Seconds for a look at the health page of the release that is left."""


def _to_be_left(run: Run) -> str | None:
    """What was found bad, or was meant when the rollback was asked for."""
    return run.state.leaving if run.state.kind == "rollback" else run.state.deployment


def displacing(run: Run, deployments: Iterable[Deployment]) -> Deployment | None:
    """What has taken the place of what was to be left; None: nothing has.

    Somebody has left it already then; what serves now is not to be blamed.
    """
    active = active_of(deployments)
    return active if active and active.id != _to_be_left(run) else None


def left_already(run: Run, active: Deployment) -> Exception:
    """What is raised then: it ends the run, and changes nothing."""
    by = run_of_tag(active.tag)
    reason = (
        f"{_to_be_left(run) or 'nothing'} was to be left, and {summary_of(active)}"
        f" serves now{f', by {by}' if by else ''}"
    )
    if run.state.kind == "rollback":
        return PreflightError(
            reason, remedy="look at `pm33 deployments`; roll back again if you have to"
        )
    return SupersededRunError(reason)


def may_rebuild(run: Run) -> bool:
    """Whether a commit may be deployed anew that the platform cannot restore.

    Going back by itself is an emergency, too: nobody is there to be asked.
    """
    request = rollback_request(run)
    return request is None or request.emergency or request.allow_rebuild


def _failed(run: Run) -> str | None:
    """What a deploy has found bad, if nothing serves any more: it is not gone back to.

    Somebody may have removed it meanwhile.
    """
    return None if run.state.kind == "rollback" else run.state.commit


async def _choose(run: Run) -> Facts:
    request = rollback_request(run)

    def chosen(deployments: Sequence[Deployment], runs: Sequence[RunState]) -> Choice:
        leaving = active_of(deployments)
        return choose(
            deployments,
            [one for one in runs if one.run != run.id],
            leaving=leaving.commit if leaving else _failed(run),
            named=request.target if request else order_of(run).request.way_back,
            may_rebuild=may_rebuild(run),
            now=run.tools.now(),
            fallen=None if request else order_of(run).fallen,
        )

    deployments, runs = await look_further(
        partial(listed, run),
        partial(_runs, run),
        lambda *known: is_restorable(partial(chosen, *known)),
        say=run.detail,
    )
    other = displacing(run, deployments)
    if other is not None:
        return _adopt(run, other)
    try:
        choice, leaving = chosen(deployments, runs), active_of(deployments)
    except NoWayBackError as error:
        if request is not None:
            raise
        raise StepFailedError(str(error)) from error
    return {
        "target": choice.target.id,
        "target_commit": choice.target.commit,
        "rebuild": choice.rebuild,
        "leaving": leaving.id if leaving else None,
        "why": choice.why,
        **({} if choice.rebuild else await choose_variables(run, choice.target.id)),
    }


async def _runs(run: Run, limit: int) -> Sequence[RunState]:
    try:
        return await run.journals.runs(limit)
    except JournalError as error:
        run.remark(f"earlier runs are not known: {error}")
        return ()


def _adopt(run: Run, active: Deployment) -> Facts:
    """Takes what serves for the way back, where it is what was to come back."""
    if run.state.kind != "rollback" or active.commit != run.state.commit:
        raise left_already(run, active)
    run.remark(f"somebody else has already gone back: {summary_of(active)} serves")
    return {
        "target": active.id,
        "target_commit": active.commit,
        "rebuild": False,
        "leaving": active.id,
        "adopted": active.id,
        "why": "which serves already",
    }


async def _chosen(run: Run) -> Facts:
    """Notes which components are bad already; the way back is not to be blamed.

    A release that does not answer knows of none, and users wait meanwhile.
    """
    leaving, checks = run.fact("choose", "leaving"), {}
    if leaving is not None:
        # A way back does not depend on it, nor on there being an address.
        with suppress(TimeoutError, PlatformError):
            async with asyncio.timeout(_GLANCE):
                url = await run.url()
                prober = run.tools.prober(leaving, url=url, routes=False)
                found = await take_baseline(
                    prober, rounds=1, itself=True, clock=run.tools.clock
                )
                checks = found.to_dict()["checks"]
    target, why = run.fact("choose", "target"), run.fact("choose", "why")
    return {"checks": checks, "meaning": f"back to {target}, {why}"}


CHOOSE: Final = Step(
    name="choose",
    duty="finds what to return to, and what is bad whoever serves",
    intend=nothing,
    call=_choose,
    settle=_chosen,
)
