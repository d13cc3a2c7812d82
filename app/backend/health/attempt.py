"""One attempt of one check: started, timed out, pushed to its end, never doubled."""

import asyncio
import contextlib
import inspect
import logging
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.backend.health.models import Check, CheckResult, Failure, Status
from app.errors import CheckFailedError

__all__ = ["Attempt"]

_log = logging.getLogger("pm33.health")


class Attempt:
    """An attempt in flight.

    A timeout does not cancel it: a cold connection that takes longer than the timeout
    would otherwise be cut every time and never become warm. It may finish; only at its
    second deadline it is pushed to its end by :meth:`end`.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._in_function = False
        self._took: float | None = None
        self.started = time.monotonic()
        self.task = asyncio.get_running_loop().create_task(
            self._run(), name=f"health:attempt:{check.name}"
        )
        self.task.add_done_callback(_retrieve)

    @property
    def age(self) -> float:
        """Seconds since the attempt began."""
        return time.monotonic() - self.started

    @property
    def blames(self) -> dict[str, Any]:
        """What the check says beforehand of an attempt that gets no answer."""
        return dict(getattr(self._check, "blames", {}))

    @property
    def took(self) -> float:
        """Seconds until it ended; its age as long as it has not."""
        return self._took if self._took is not None and self.ended else self.age

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more; a function outlives its cancellation."""
        return self.task.done() and not self._in_function

    async def wait(self, seconds: float) -> bool:
        """Waits for the verdict, at most ``seconds``; says whether there is one."""
        if not self.task.done():
            await asyncio.wait({self.task}, timeout=max(seconds, 0.0))
        return self.task.done()

    def result(self) -> CheckResult:
        """The verdict of an attempt that has one, whatever way it ended."""
        elapsed = self.took * 1000
        if self.task.cancelled():
            return CheckResult.unhealthy(
                Failure.INTERNAL,
                "the check was cancelled from inside",
                remedy="let the check handle its own cancellation",
            )
        error = self.task.exception()
        result = self.task.result() if error is None else _from_error(error)
        if result.latency_ms is None:
            result = replace(result, latency_ms=elapsed)
        return result

    async def end(self, grace: float = 1.0) -> bool:
        """Breaks the connection it hangs on and cancels it.

        Returns:
            Whether it ended within ``grace`` seconds. Where it did not (a thread
            cannot be stopped), its slot stays taken: nothing is started beside it.
        """
        abort = getattr(self._check, "abort", None)
        if abort is not None:
            try:
                abort()
            except Exception:  # noqa: BLE001 - the user's check may raise anything
                _log.exception("the check %s cannot be aborted", self._check.name)
        self.task.cancel()
        await self.wait(grace)
        return self.ended

    async def _run(self) -> CheckResult:
        try:
            if inspect.iscoroutinefunction(self._check.probe):
                outcome = await self._check.probe()
            else:
                outcome = await self._in_thread()
                if inspect.isawaitable(outcome):
                    outcome = await outcome
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio would let it end the whole process.
            raise CheckFailedError(
                f"the check raised {error!r}",
                remedy="let the check return or raise what tells of its component",
            ) from error
        finally:
            self._took = self.age
        if outcome is None:
            return CheckResult(status=Status.HEALTHY)
        if not isinstance(outcome, CheckResult):
            raise CheckFailedError(
                f"the check returned {type(outcome).__name__}",
                remedy="return a CheckResult, or None for healthy",
            )
        return outcome

    async def _in_thread(self) -> object:
        """Runs a plain function in a daemon thread of its own.

        Not in a pool: a check that hangs would take a worker from the others for ever,
        and the pool's exit hook would keep the whole process from ending.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()

        def settle(value: object, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        def work() -> None:
            value: object = None
            error: BaseException | None = None
            try:
                value = self._check.probe()
            except StopIteration as stop:
                # A future cannot carry it (PEP 479).
                error = RuntimeError(f"the check raised {stop!r}")
            except BaseException as raised:  # noqa: BLE001 - handed to the loop's side
                error = raised
            # Before the verdict is out, which would find the function running else.
            self._in_function = False
            # The loop may have closed while the function was hanging.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, value, error)

        thread = threading.Thread(
            target=work, name=f"health:{self._check.name}", daemon=True
        )
        self._in_function = True
        try:
            thread.start()
        except RuntimeError:  # no thread can be had; the slot is free all the same
            self._in_function = False
            raise
        return await future


def _retrieve(task: asyncio.Task[CheckResult]) -> None:
    """Keeps asyncio from logging, unredacted, an error that came too late."""
    if not task.cancelled():
        task.exception()


def _origin(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f" (line {last.lineno} of {Path(last.filename).name}, in {last.name})"


def _from_error(error: BaseException) -> CheckResult:
    match error:
        case CheckFailedError():
            known = error.failure in set(Failure)
            return CheckResult(
                status=Status.DEGRADED if error.answered else Status.UNHEALTHY,
                failure=Failure(error.failure) if known else Failure.INTERNAL,
                message=str(error),
                remedy=error.remedy,
            )
        case TimeoutError():
            return CheckResult.unhealthy(Failure.TIMEOUT, f"timed out: {error}")
        case _:
            return CheckResult.unhealthy(
                Failure.INTERNAL,
                f"{type(error).__name__}: {error}{_origin(error)}",
                remedy="mend the check, or have it raise CheckFailedError",
            )
