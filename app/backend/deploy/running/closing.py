"""How a run ends: what is written down of it, and what the reader is told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import StepStatus
from app.backend.deploy.report import RunReport
from app.backend.deploy.running.choosing import CHOOSE
from app.backend.deploy.running.following import active_of, listed
from app.backend.deploy.running.pushes import let_through, say_what_is_left
from app.backend.deploy.running.restoring import RESTORE
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    PausedRunError,
    StepFailedError,
    SupersededRunError,
)
from app.backend.deploy.running.steps import FINALISE
from app.backend.deploy.running.steps_back import WITHDRAW
from app.backend.deploy.running.taken_over import explained
from app.errors import (
    JournalError,
    LeaseLostError,
    PlatformError,
    PreflightError,
)

__all__ = ["INTERRUPTED", "Close", "failure_of", "finalised", "to_the_end"]

INTERRUPTED = "it was interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
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

    @classmethod
    def undecided(
        cls, ending: Ending, why: PausedRunError | SupersededRunError, *, final: bool
    ) -> "Close":
        """Of a run that leaves open what its release is worth."""
        return cls(
            ending=ending,
            verdict="inconclusive",
            cause=str(why),
            evidence=why.evidence,
            final=final,
        )


async def to_the_end(run: Run, work: Callable[[Run], Awaitable[Close]]) -> RunReport:
    """Does the work of a run, and writes down how it has ended.

    Whatever ends it, the reader is told of what it leaves switched off.

    Raises:
        PreflightError: the world is not as it was planned for; nothing was touched.
        LeaseLostError: somebody else has taken over; nothing more was written.
    """
    try:
        return await _to_the_end(run, work)
    except BaseException:
        say_what_is_left(run)
        raise


async def _to_the_end(run: Run, work: Callable[[Run], Awaitable[Close]]) -> RunReport:
    began = run.tools.now()
    try:
        close = await work(run)
    except PreflightError as error:
        with suppress(LeaseLostError):
            await let_through(run)
        await run.end(Ending.REFUSED, None, cause=str(error))
        raise
    except LeaseLostError as error:
        raise await explained(run, error) from error
    except PlatformError as error:
        # Refused or silent: what serves now is not known, as when a token was revoked.
        cause = f"{error}; {error.remedy}" if error.remedy else str(error)
        close = Close(ending=Ending.UNKNOWN, cause=cause, final=False)
    except asyncio.CancelledError:
        # The second Ctrl-C: nothing is asked any more, the journal says so.
        with suppress(asyncio.CancelledError):
            await asyncio.shield(run.note("run", left="as it is"))
        raise
    try:
        # Who has not answered for so long is not asked for as long again.
        patient = close.ending is not Ending.UNKNOWN
        if not await let_through(run, patient=patient):
            # Whoever resumes it tries again.
            close = replace(close, final=False)
        await _write_down(run, close)
        await _reconcile(run)
    except LeaseLostError as error:
        raise await explained(run, error) from error
    return await _report(run, close, began)


async def _write_down(run: Run, close: Close) -> None:
    told = {"cause": close.cause, "evidence": close.evidence}
    if close.final:
        await run.end(close.ending, close.verdict, **told)
    else:
        await run.note("run", left=close.ending, **told)


async def finalised(run: Run, close: Close) -> Close:
    """Clears what was set for a run that has come to its end.

    A run of which something is left has not ended: whoever resumes it tries again.
    """
    run.heeds = False
    if not close.final:
        return close
    try:
        await run.perform(FINALISE)
    except StepFailedError as failure:
        run.remark(f"what was set for this run is not cleared: {failure}")
        return replace(close, final=False)
    return close


def failure_of(run: Run) -> StepFailedError:
    """The first step that has failed, as its process has written it down."""
    for step in run.state.steps.values():
        if step.status is StepStatus.FAILED and step.name not in _TRIED_AGAIN:
            return StepFailedError.from_dict(step.data)
    return StepFailedError(INTERRUPTED)


_TRIED_AGAIN = {WITHDRAW.name, FINALISE.name}


async def _reconcile(run: Run) -> None:
    """Also brings along what a run without the state database has left in the file."""
    try:
        await run.journals.reconcile()
    except JournalError as error:
        run.remark(f"the journals differ still: {error}")


async def _report(run: Run, close: Close, began: datetime) -> RunReport:
    state = run.state
    now, known = None, False
    # Who has not answered for so long is not asked for as long again.
    if close.ending is not Ending.UNKNOWN:
        with suppress(PlatformError, LeaseLostError):
            now, known = active_of(await listed(run)), True
    return RunReport(
        kind=state.kind,
        run=run.id,
        environment=run.tools.environment,
        platform=run.tools.platform.name,
        ending=close.ending,
        commit=state.commit,
        deployment=state.deployment,
        serves=now,
        serves_known=known,
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
        Ending.SUPERSEDED: f"pm33 deployments list {where}",
        Ending.UNBAKED: f"pm33 monitor {where} --for 30m",
    }.get(ending, "")
    return command if run.state.ended else f"pm33 deploy resume {where}"
