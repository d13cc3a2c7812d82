"""Conducts a run to its end, forward as far as it goes and back where it must."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from app.backend.deploy.interrupt import InterruptedRunError
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.run_state import StepStatus
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.running.looking import serving
from app.backend.deploy.running.order import order_of
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts, PausedRunError, StepFailedError
from app.backend.deploy.running.steps import FINALISE, FORWARD
from app.backend.deploy.running.steps_back import (
    BACKWARD,
    CHOOSE,
    RESTORE,
    VERIFY,
    WITHDRAW,
)
from app.errors import (
    DeploymentNotFoundError,
    JournalError,
    PlatformError,
    PlatformUnreachableError,
    PreflightError,
)

__all__ = ["conduct_deploy", "conduct_rollback"]

_INTERRUPTED = "it was interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Close:
    """How this process's part has ended.

    Attributes:
        final: the run has ended; otherwise it waits to be resumed.
    """

    ending: Ending
    verdict: str | None = None
    cause: str = ""
    evidence: Facts = field(default_factory=dict)
    log: tuple[str, ...] = ()
    final: bool = True


async def conduct_deploy(run: Run) -> RunReport:
    """Forward, and back when it fails; where an earlier process was, it goes on.

    Raises:
        PreflightError: the world is not as it was planned for; nothing was touched.
        LeaseLostError: somebody else has taken over; nothing more was written.
    """
    return await _to_the_end(run, _deploy)


async def conduct_rollback(run: Run) -> RunReport:
    """Back, and nothing else.

    Raises:
        LeaseLostError: somebody else has taken over; nothing more was written.
    """
    return await _to_the_end(run, _roll_back)


async def _to_the_end(run: Run, work: Callable[[Run], Awaitable[_Close]]) -> RunReport:
    began = run.tools.now()
    try:
        close = await work(run)
    except PreflightError:
        await run.end(Ending.REFUSED, None)
        raise
    except PlatformUnreachableError as error:
        close = _Close(ending=Ending.UNKNOWN, cause=str(error), final=False)
    except asyncio.CancelledError:
        # The second Ctrl-C: nothing is asked any more, the journal says so.
        with suppress(asyncio.CancelledError):
            await asyncio.shield(run.note("run", left="as it is"))
        raise
    if close.final:
        await run.end(close.ending, close.verdict)
    else:
        await run.note("run", left=close.ending, cause=close.cause)
    await _reconcile(run)
    return await _report(run, close, began)


async def _deploy(run: Run) -> _Close:
    if run.begun(WITHDRAW.name, *(step.name for step in BACKWARD)):
        return await _go_back(run, _known_failure(run))
    try:
        for step in FORWARD:
            await run.perform(step)
    except StepFailedError as failure:
        return await _go_back(run, failure)
    except PausedRunError as pause:
        return _Close(
            ending=Ending.PAUSED,
            verdict="inconclusive",
            cause=str(pause),
            evidence=pause.evidence,
            final=False,
        )
    except InterruptedRunError:
        return await _stop(run)
    run.heeds = False
    await run.perform(FINALISE)
    watched = run.fact("bake", "verdict")
    return _Close(ending=Ending.DONE if watched else Ending.UNBAKED, verdict=watched)


async def _stop(run: Run) -> _Close:
    """The first Ctrl-C: before the switch back, after it only no more watching."""
    if await _release_serves(run):
        return _Close(ending=Ending.INTERRUPTED, cause=_INTERRUPTED, final=False)
    run.say("stopping: what serves stays, the release is withdrawn")
    close = await _go_back(run, StepFailedError(_INTERRUPTED))
    return _Close(ending=Ending.INTERRUPTED, cause=close.cause)


async def _go_back(run: Run, failure: StepFailedError) -> _Close:
    run.heeds = False
    if run.begun(*(step.name for step in BACKWARD)) or (
        not run.begun(WITHDRAW.name) and await _release_serves(run)
    ):
        ending, cause = await _leave(run, failure)
    else:
        await run.perform(WITHDRAW)
        ending, cause = Ending.FAILED, str(failure)
    await run.perform(FINALISE)
    return _Close(
        ending=ending,
        verdict=failure.verdict,
        cause=cause,
        evidence=failure.evidence,
        log=failure.log,
    )


async def _leave(run: Run, failure: StepFailedError) -> tuple[Ending, str]:
    """The bad release serves: returns to what was good, if that is wanted."""
    if not order_of(run).request.rollback:
        return Ending.STRANDED, str(failure)
    run.say("going back; Ctrl-C once does not stop that")
    ending, trouble = await _backward(run, Ending.ROLLED_BACK)
    return ending, f"{failure}; then {trouble}" if trouble else str(failure)


async def _roll_back(run: Run) -> _Close:
    run.heeds = False
    ending, trouble = await _backward(run, Ending.RESTORED)
    failed = _known_failure(run) if trouble else StepFailedError("")
    await run.perform(FINALISE)
    return _Close(
        ending=ending,
        verdict="ok" if ending is Ending.RESTORED else "fail",
        cause=trouble,
        evidence=failed.evidence,
        log=failed.log,
    )


async def _backward(run: Run, good: Ending) -> tuple[Ending, str]:
    """Returns how it has ended, and what was in the way."""
    try:
        await run.perform(CHOOSE)
        await run.perform(RESTORE)
    except StepFailedError as failure:
        return Ending.STRANDED, str(failure)
    try:
        await run.perform(VERIFY)
    except StepFailedError as failure:
        return Ending.UNVERIFIED, str(failure)
    return good, ""


async def _release_serves(run: Run) -> bool:
    deployment = run.state.deployment
    if deployment is None:
        return False
    platform = run.tools.platform
    try:
        state = await run.ask("deployment", lambda: platform.deployment(deployment))
    except DeploymentNotFoundError:
        return False
    return state.active


def _known_failure(run: Run) -> StepFailedError:
    """The first step that has failed, as an earlier process has written it down."""
    for step in run.state.steps.values():
        if step.status is StepStatus.FAILED:
            return StepFailedError.from_dict(step.data)
    return StepFailedError(_INTERRUPTED)


async def _reconcile(run: Run) -> None:
    """Also brings along what a run without the state database has left in the file."""
    try:
        await run.journals.reconcile()
    except JournalError as error:
        run.remark(f"the journals differ still: {error}")


async def _report(run: Run, close: _Close, began: datetime) -> RunReport:
    state = run.state
    now = await _serving(run)
    return RunReport(
        kind=state.kind,
        run=run.id,
        environment=run.tools.environment,
        platform=run.tools.platform.name,
        ending=close.ending,
        commit=state.commit,
        deployment=state.deployment,
        serves=now,
        verdict=close.verdict,
        cause=close.cause,
        evidence=close.evidence,
        log=close.log,
        next_command=_next_command(run, close.ending),
        notes=tuple(run.notes),
        steps=tuple(run.reports),
        started_at=state.started_at or began,
        ended_at=run.tools.now(),
    )


async def _serving(run: Run) -> Deployment | None:
    try:
        return await serving(run.tools.platform)
    except PlatformError:
        return None


def _next_command(run: Run, ending: Ending) -> str:
    where = f"-e {run.tools.environment}"
    nowhere = run.begun(CHOOSE.name) and not run.begun(RESTORE.name)
    command = {
        Ending.STRANDED: f"pm33 deploy {where} --commit COMMIT  # one that is good"
        if nowhere
        else f"pm33 rollback {where} --reason emergency",
        Ending.UNVERIFIED: f"pm33 monitor {where} --for 5m",
        Ending.FAILED: f"pm33 deployments show {run.id} {where}",
        Ending.ROLLED_BACK: f"pm33 deployments show {run.id} {where}",
        Ending.UNBAKED: f"pm33 monitor {where} --for 30m",
    }.get(ending, "")
    return command if run.state.ended else f"pm33 deploy resume {where}"
