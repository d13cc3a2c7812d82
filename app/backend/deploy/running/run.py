"""One run under way: what it knows, what it writes down, how it acts and waits."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from app.backend.database.lease import Guard
from app.backend.deploy.interrupt import stopped_by
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState, StepStatus
from app.backend.deploy.report import StepReport
from app.backend.deploy.running.asking import ask
from app.backend.deploy.running.fencing import acting
from app.backend.deploy.running.step import (
    NO_FAILURES,
    RUN,
    Facts,
    Step,
    StepFailedError,
)
from app.backend.deploy.tools import Milestone, Tools
from app.errors import InterruptedRunError, JournalError, OpsError

__all__ = ["Run"]

T = TypeVar("T")


class Run:
    """A run, and this process's part in it.

    Args:
        run: its id, which is also the tag of what it creates.
        tools: what to work with.
        guard: leave to act.
        journals: what it writes to.
        events: what an earlier process has written.

    Attributes:
        state: what it has come to, folded from its events.
        left_at: when an earlier process wrote its last event; None: there was none.
        notes: what the reader should know beside it.
        heeds: whether Ctrl-C stops what it waits for; going back is not stopped.
    """

    def __init__(
        self,
        run: str,
        tools: Tools,
        guard: Guard,
        journals: Journals,
        events: tuple[Event, ...] = (),
    ) -> None:
        self.id = run
        self.tools = tools
        self.guard = guard
        self.journals = journals
        self.notes: list[str] = []
        self.heeds = True
        self.reports: list[StepReport] = []
        self._events = list(events)
        self.state = RunState.of(events)
        self.left_at = self.state.updated_at
        self._lost = asyncio.Event()
        guard.on_lost(lambda _error: self._lost.set())

    async def begin(self, *, must_be_kept: bool, **data: Any) -> None:
        """Writes the run's first event.

        Args:
            must_be_kept: nothing may be touched without it.
            data: what :class:`RunState` reads of it.

        Raises:
            JournalError: it cannot be kept, and must be.
            LeaseLostError: somebody else has taken over.
        """
        write = self._keep if must_be_kept else self._write
        await write(RUN, 1, EventKind.BEGIN, data)

    async def note(self, step: str, **data: Any) -> None:
        """Writes down something that changes nothing."""
        await self._write(step, 1, EventKind.NOTE, data)

    async def record(self, step: str, **data: Any) -> None:
        """The same, of what somebody else has to be able to read.

        Raises:
            JournalError: it cannot be kept.
        """
        await self._keep(step, 1, EventKind.NOTE, data)

    async def end(self, outcome: str, verdict: str | None, **told: Any) -> None:
        """Writes the run's last event; what is told with it is for people."""
        data = {"outcome": outcome, "verdict": verdict, **told}
        await self._write(RUN, 1, EventKind.END, data)

    def fact(self, step: str, name: str) -> Any:
        """What a step has written down; None when it has not."""
        state = self.state.step(step)
        return state.data.get(name) if state else None

    def begun(self, *steps: str) -> bool:
        """Whether one of these steps has begun, in this process or an earlier one."""
        return any(self.state.step(step) for step in steps)

    def say(self, line: str) -> None:
        """One line of progress."""
        self.tools.say(line)

    def detail(self, line: str) -> None:
        """One line of progress within a step."""
        self.say(f"{'':<9} {line}")

    def remark(self, note: str) -> None:
        """Tells the reader something once, now and in the report."""
        if note not in self.notes:
            self.notes.append(note)
            self.say(note)

    async def perform(self, step: Step) -> Facts:
        """Does a step, or finds that it has been done; returns its outcome.

        Raises:
            StepFailedError: it has failed, now or for good in an earlier process.
            PausedRunError, InterruptedRunError: it is to be gone on with later.
            SupersededRunError: something else has taken the release's place.
            PreflightError: the world is not as it was planned for.
            LeaseLostError: somebody else has taken over; nothing more is written.
            PlatformUnreachableError: it does not answer; nothing is known.
        """
        known = self.state.step(step.name)
        if known is not None and known.status is StepStatus.FAILED and step.final:
            raise StepFailedError.from_dict(known.data)
        if known is not None and known.status is StepStatus.DONE:
            self._report(step, 0.0, str(known.data.get("meaning", "")))
            return known.data
        attempt = known.attempt + 1 if known else 1
        began = self.tools.clock.time()
        try:
            outcome = await self._attempt_or_fail(step, attempt)
        except StepFailedError as failure:
            seconds = self.tools.clock.time() - began
            self._report(step, seconds, str(failure), ok=False)
            await self._conclude(step, attempt, failure.to_dict())
            raise
        seconds = self.tools.clock.time() - began
        self._report(step, seconds, str(outcome.get("meaning", "")))
        await self._conclude(step, attempt, {"ok": True, **outcome})
        return outcome

    async def act(self, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Changes something; again while the platform does not answer.

        Only a call that may safely come twice is given here: by its tag, or since it
        is harmless when repeated.

        Raises:
            LeaseLostError: somebody else has taken over, before it or meanwhile.
            PlatformUnreachableError: no answer; it may have been done.
        """
        return await self.ask(what, lambda: self.act_once(call))

    async def act_once(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """As :meth:`act`, but once; hangs up as soon as the lease is lost."""
        async with acting(self.tools, self.guard):
            try:
                return await stopped_by(call(), self._lost)
            except InterruptedRunError:
                self.guard.check()
                raise

    async def ask(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Asks the platform, again for some time while it does not answer.

        Every read of a run is made by this: one refused call while a supervisor is
        started again must not end a way back.

        Raises:
            PlatformUnreachableError: nobody has answered.
            InterruptedRunError, LeaseLostError: while it waited, as :meth:`wait`.
        """

        async def pause(seconds: float) -> None:
            await self.wait(self.tools.clock.sleep(seconds))

        return await ask(self.tools, what, call, pause)

    async def url(self) -> str:
        """Where users go. Raises as :meth:`ask`."""
        return await self.ask("url", self.tools.platform.url)

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits something that takes time and changes nothing.

        Raises:
            InterruptedRunError: somebody has asked to stop, and that is heeded now.
            LeaseLostError: somebody else has taken over.
        """
        bells = [self._lost, self.tools.interrupt.event]
        try:
            return await stopped_by(work, *bells[: 2 if self.heeds else 1])
        except InterruptedRunError:
            self.guard.check()
            raise

    async def _attempt_or_fail(self, step: Step, attempt: int) -> Facts:
        try:
            return await self._attempt(step, attempt)
        except NO_FAILURES:
            raise
        except OpsError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            raise StepFailedError(f"{error}{remedy}") from error

    async def _attempt(self, step: Step, attempt: int) -> Facts:
        milestone = self.tools.milestone
        await milestone(step.name, Milestone.BEFORE_INTENT)
        if self.heeds:
            self.tools.interrupt.check()
        await self._write(step.name, attempt, EventKind.INTENT, step.intend(self))
        await milestone(step.name, Milestone.AFTER_INTENT)
        called = await step.call(self)
        await milestone(step.name, Milestone.AFTER_CALL)
        await self._write(step.name, attempt, EventKind.CALL, called)
        return await step.settle(self)

    async def _conclude(self, step: Step, attempt: int, outcome: Facts) -> None:
        await self._write(step.name, attempt, EventKind.OUTCOME, outcome)
        await self.tools.milestone(step.name, Milestone.AFTER_OUTCOME)

    async def _keep(
        self, step: str, attempt: int, kind: EventKind, data: Facts
    ) -> None:
        """Keeps an event, or does not go on."""
        event = self._event(step, attempt, kind, data)
        await self.journals.append(event)
        self._learn(event)

    async def _write(
        self, step: str, attempt: int, kind: EventKind, data: Facts
    ) -> None:
        """Keeps an event if it can be kept: half-way, going on matters more."""
        event = self._event(step, attempt, kind, data)
        self._learn(event)
        try:
            await self.journals.append(event)
        except JournalError as error:
            self.remark(f"this run is not written down: {error}")
        if self.journals.degraded is not None:
            # Not in this process's words: it may be away, or only lack its tables.
            why = self.journals.degraded
            self.remark(f"the journal is a file alone: {why}; {why.remedy}")

    def _event(self, step: str, attempt: int, kind: EventKind, data: Facts) -> Event:
        epoch, now = self.guard.epoch, self.tools.now()
        return Event(self.id, step, attempt, epoch, kind, now, data)

    def _learn(self, event: Event) -> None:
        self._events.append(event)
        self.state = RunState.of(self._events)

    def _report(
        self, step: Step, seconds: float, meaning: str, *, ok: bool = True
    ) -> None:
        report = StepReport(name=step.name, ok=ok, seconds=seconds, meaning=meaning)
        self.reports.append(report)
        took = f"{seconds:.1f} s" if seconds else "done before"
        mark = "" if ok else "failed: "
        # The rest of a reason is in the report, where no duration hangs on it.
        told = meaning.partition("\n")[0]
        self.say(f"{step.name:<9} {mark}{told} ({took})")
