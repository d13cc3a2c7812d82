"""Goes on with what was left: a deploy, a rollback, or a rotation with both."""

from contextlib import suppress
from dataclasses import replace

from app.backend.deploy import pipeline
from app.backend.deploy.planning.looking_back import look_back
from app.backend.deploy.planning.survey import RESUMABLE, ROTATION
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import RunReport
from app.backend.deploy.resumable import find_resumable, nothing_to_resume
from app.backend.deploy.rotating.aftermath import given_to
from app.backend.deploy.rotating.borrowing import BorrowedLeases
from app.backend.deploy.rotating.order import RotationOrder
from app.backend.deploy.rotating.plan import RotationRequest
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.rotation import Rotation, recall
from app.backend.deploy.rotating.under_way import Rotating, part_of
from app.backend.deploy.rotating.values import Values, file_of, is_same
from app.backend.deploy.running.leave_to_act import leave_to_act
from app.backend.deploy.running.run import Run
from app.backend.deploy.tools import Tools
from app.errors import (
    ConfigError,
    DeploymentNotFoundError,
    JournalError,
    PlatformError,
    PlatformUnreachableError,
)

__all__ = ["find_left", "go_on", "resume"]


async def resume(
    tools: Tools, *, actor: str, run: str | None = None
) -> RunReport | RotationReport:
    """Goes on with a run; with all of the rotation where it is a part of one.

    Args:
        tools: what to work with.
        actor: who asks.
        run: which one; None: the newest of this environment that has not ended.

    Raises:
        PreflightError: there is none.
        LeaseHeldError, LeaseLostError, PlatformUnreachableError: as a deploy does.
    """
    async with tools.journals(None) as journals:
        kinds = {*RESUMABLE, ROTATION}
        found = await find_resumable(journals, run, kinds=kinds)
        rotation = await _rotation_of(found, journals)
    if rotation is None:
        return await pipeline.resume(tools, actor=actor, run=found.run)
    return await go_on(rotation, tools, actor=actor)


async def find_left(request: RotationRequest, tools: Tools) -> RunState | None:
    """The rotation of the same value that was left; None: there is none.

    Raises:
        PlatformError, ConfigError: the platform's variables cannot be read.
    """
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    for one in past.runs:
        if not _is_left(one) or one.request.get("variable") != request.name:
            continue
        parts = (part for part in past.runs if part.request.get("rotation") == one.run)
        made = {part.deployment for part in parts if part.kind == "deploy"}
        for whose in (None, *(made - {None})):
            if is_same((await _given(tools, whose)).get(request.name), request.value):
                return one
    return None


async def go_on(left: RunState, tools: Tools, *, actor: str) -> RotationReport:
    """Brings a rotation that was left to its end; nobody has to know the value.

    Raises:
        PreflightError: somebody else has, meanwhile.
        LeaseHeldError, LeaseLostError, PlatformUnreachableError: as a deploy does.
    """
    order = RotationOrder.from_dict(left.request)
    tools.say(f"the rotation {left.run} of {order.variable} goes on")
    guard, note = await leave_to_act(
        tools,
        holder=f"{actor} {left.run}",
        reason=f"resume rotate {order.variable}",
        patient=True,
        supersede=False,
        alone=not left.locked,
    )
    try:
        inner = replace(tools, leases=BorrowedLeases(tools.leases, guard))
        async with tools.journals(guard) as journals:
            # A file that a stopped process has locked: the rows are enough to go on.
            with suppress(JournalError):
                await journals.reconcile()
            events = await journals.events(left.run)
            run = Run(left.run, inner, guard, journals, events)
            if run.state.ended:
                raise nothing_to_resume()
            if note:
                run.remark(note)
            await run.note("run", resumed_by=actor)
            rotation = await _recalled(run, order)
            going = Rotating(order, rotation, run, actor, resumed=True)
            return await going.to_the_end()
    finally:
        await guard.release()


async def _rotation_of(found: RunState, journals: Journals) -> RunState | None:
    """The rotation that a run is or is a part of; None: it is neither."""
    if found.kind == ROTATION:
        return found
    named = found.request.get("rotation")
    rotation = await journals.state(named) if named else None
    return rotation if rotation is not None and _is_left(rotation) else None


def _is_left(run: RunState) -> bool:
    return run.kind == ROTATION and run.begun and not run.ended


async def _recalled(run: Run, order: RotationOrder) -> Rotation:
    """Reads back from the platform what the journal was not told."""
    made = await part_of(run, "deploy")
    deployment = made.deployment if made else None
    today, file = await given_to(run, None), file_of(run.tools.platform)
    try:
        serving = await given_to(run, order.serving)
    except PlatformUnreachableError:
        raise
    except PlatformError as error:
        run.remark(f"the old value cannot be read: {error}")
        # Nobody can tell whose the old value was, so it is not taken away.
        serving, file = dict.fromkeys(order.sets), None
    return recall(
        order.variable,
        order.sets,
        today=today,
        serving=serving,
        given=await given_to(run, deployment) if deployment else today,
        file=file,
    )


async def _given(tools: Tools, deployment: str | None) -> Values:
    try:
        return await tools.platform.variables(deployment)
    except (ConfigError, DeploymentNotFoundError):
        return {}
