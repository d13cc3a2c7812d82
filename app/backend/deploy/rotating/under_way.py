"""Sets the new value, deploys what serves once more, and undoes both if it fails."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from app.backend.deploy import pipeline
from app.backend.deploy.planning.looking_back import look_back
from app.backend.deploy.planning.survey import ROTATION
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import cause_of
from app.backend.deploy.report import RunReport
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.rotating.aftermath import advice, serves_with_new
from app.backend.deploy.rotating.order import RotationOrder
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.rotation import Rotation
from app.backend.deploy.rotating.steps import SET, putting_back, setting
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import StepFailedError
from app.errors import (
    InterruptedRunError,
    LeaseLostError,
    OpsError,
    PlatformUnreachableError,
)

__all__ = ["Rotating", "part_of"]

_GOOD: Final = frozenset({Ending.DONE, Ending.UNBAKED})


async def part_of(run: Run, kind: str) -> RunState | None:
    """The newest run of a kind that a rotation has asked for; None: there is none."""
    past = await look_back(run.journals)
    own = (one for one in past.runs if one.request.get("rotation") == run.id)
    return next((one for one in own if one.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Rotating:
    """One rotation under way, begun by this process or gone on with.

    What an earlier process has done is not done again: its steps are in the journal,
    and so are the runs that it has asked for.

    Attributes:
        run: whose tools lend their lease to those runs.
        actor: who asks now.
        resumed: whether an earlier process has begun it; this one knows no value that
            it could set.
    """

    order: RotationOrder
    rotation: Rotation
    run: Run
    actor: str
    resumed: bool = False

    async def to_the_end(self) -> RotationReport:
        """Sets, deploys, and undoes what has failed; the journal says how it ended.

        A rotation whose deployment has not ended waits with it to be gone on with.

        Raises:
            LeaseLostError: somebody else has taken over; nothing more was written.
            OpsError: what kept it from being deployed; the variable is put back.
        """
        try:
            report = await self._go()
        except LeaseLostError:
            name = self.order.variable
            self.run.say(f"{name} may have its new value: it is not ours any more")
            raise
        except asyncio.CancelledError:
            # The second Ctrl-C: all is left as it is, to be gone on with.
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self.run.note(ROTATION, left="as it is"))
            raise
        except OpsError as error:
            stopped = isinstance(error, InterruptedRunError)
            ending = Ending.INTERRUPTED if stopped else Ending.FAILED
            await self._write_down(await self._undone(ending, str(error)))
            raise
        report = replace(report, notes=tuple(self.run.notes))
        await self._write_down(report)
        return report

    async def _write_down(self, report: RotationReport) -> None:
        told = {"cause": report.cause, "put_back": report.put_back}
        if report.is_open:
            await self.run.note(ROTATION, left=report.ending, **told)
        else:
            await self.run.end(report.ending, None, **told)

    async def _go(self) -> RotationReport:
        deployed: RunReport | None = None
        child = await part_of(self.run, "deploy")
        if child is None:
            if self.resumed and not self.rotation.is_set:
                return await self._undone(Ending.INTERRUPTED, "it was never set")
            try:
                await self.run.perform(setting(self.rotation))
            except StepFailedError as failure:
                return await self._undone(Ending.FAILED, str(failure))
            request = self.order.deploy(self.run.id)
            deployed = await pipeline.deploy(request, self.run.tools)
            child = await part_of(self.run, "deploy")
        elif not child.ended:
            deployed = await pipeline.resume(
                self.run.tools, actor=self.actor, run=child.run
            )
            child = await part_of(self.run, "deploy")
        report = await self._after(deployed, child)
        return replace(report, deployed=deployed)

    async def _after(
        self, deployed: RunReport | None, child: RunState | None
    ) -> RotationReport:
        """What the deployment means for the variable."""
        self.run.heeds = False
        ending, cause = _ending_of(deployed, child)
        if child is not None and not child.ended:
            return self._open(ending, cause)
        back = await part_of(self.run, "rollback")
        if back is not None:
            return await self._go_back(cause, back)
        serves = await serves_with_new(self.run, self.order, self.rotation)
        if serves is None:
            return self._open(ending, cause)
        if ending in _GOOD:
            return await self._verified(ending, serves=serves)
        return await self._failed(ending, cause, serves=serves)

    async def _verified(self, ending: Ending, *, serves: bool) -> RotationReport:
        if not serves:
            cause = "what serves was not made with the new value"
            return self._report(Ending.UNVERIFIED, cause)
        told = await advice(self.run, self.order, self.rotation)
        return replace(self._report(ending), advice=told)

    async def _failed(
        self, ending: Ending, cause: str, *, serves: bool
    ) -> RotationReport:
        if not serves:
            return await self._undone(ending, cause)
        if ending is Ending.STRANDED:
            return await self._go_back(cause, None)
        self.run.remark("what serves was made with the new value")
        return self._report(ending, cause)

    async def _undone(self, ending: Ending, cause: str) -> RotationReport:
        put_back = await self._put_back()
        told = (f"do not revoke the old {self.order.variable}: it is in use",)
        # What nobody can put back is not tried for ever.
        is_open = not put_back and self.rotation.can_be_undone
        return replace(
            self._open(ending, cause) if is_open else self._report(ending, cause),
            put_back=put_back,
            advice=told,
        )

    async def _go_back(self, cause: str, back: RunState | None) -> RotationReport:
        """To the deployment that served before: the commit is the same one."""
        report = await self._undone(Ending.STRANDED, cause)
        tools, came = self.run.tools, None
        try:
            if back is None:
                came = await roll_back(self.order.go_back(self.run.id), tools)
            elif not back.ended:
                came = await pipeline.resume(tools, actor=self.actor, run=back.run)
        except LeaseLostError:
            raise
        except OpsError as error:
            self.run.remark(f"the way back has failed: {error}; {error.remedy}")
            again = isinstance(error, PlatformUnreachableError)
            return replace(report, is_open=report.is_open or again)
        back = await part_of(self.run, "rollback")
        ending, _ = _ending_of(came, back)
        good = ending is Ending.RESTORED
        return replace(
            report,
            ending=Ending.ROLLED_BACK if good else ending,
            back=came,
            is_open=report.is_open or (back is not None and not back.ended),
        )

    async def _put_back(self) -> bool:
        """As it was; Ctrl-C does not stop that."""
        self.run.heeds = False
        name = self.order.variable
        if not self.run.begun(SET):
            return True
        if not self.rotation.can_be_undone:
            self.run.remark(f"{name} was sealed: its old value has to be set by hand")
            return False
        try:
            await self.run.perform(putting_back(self.rotation))
        except (StepFailedError, PlatformUnreachableError, LeaseLostError) as error:
            self.run.remark(
                f"{name} is not put back: {error}; the next deployment would get"
                " its new value"
            )
            return False
        return True

    def _open(self, ending: Ending, cause: str) -> RotationReport:
        where = f"-e {self.order.environment}"
        told = f"`pm33 deploy resume {where}` goes on with deployment and variable"
        return replace(self._report(ending, cause), is_open=True, advice=(told,))

    def _report(self, ending: Ending, cause: str = "") -> RotationReport:
        return RotationReport(
            run=self.run.id,
            variable=self.order.variable,
            environment=self.order.environment,
            ending=ending,
            cause=cause,
        )


def _ending_of(report: RunReport | None, state: RunState | None) -> tuple[Ending, str]:
    """How a run has ended, by its report, or by what an earlier process has written."""
    if report is not None:
        return report.ending, report.cause
    if state is None or state.outcome is None:
        return Ending.UNKNOWN, ""
    return Ending(state.outcome), cause_of(state)
