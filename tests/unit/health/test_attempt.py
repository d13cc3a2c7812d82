import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.backend.health.attempt import Attempt
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.registry import FunctionCheck
from app.errors import CheckFailedError
from tests.support.health import DEADLINE, OK, Stuck, until


def attempt_of(probe: Callable[[], Any]) -> Attempt:
    return Attempt(FunctionCheck("probed", probe))


async def outcome(probe: Callable[[], Any]) -> CheckResult:
    attempt = attempt_of(probe)
    assert await attempt.wait(DEADLINE)
    return attempt.result()


def both_ways(act: Callable[[], Any]) -> list[Callable[[], Any]]:
    """The same deed as a plain function and as a coroutine function."""

    async def asynchronous() -> Any:
        return act()

    return [act, asynchronous]


def raising(error: BaseException) -> Callable[[], None]:
    def probe() -> None:
        raise error

    return probe


@pytest.mark.parametrize(
    ("error", "failure", "status"),
    [
        (ValueError("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (TimeoutError("canary"), Failure.TIMEOUT, Status.UNHEALTHY),
        (asyncio.CancelledError("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (SystemExit("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (KeyboardInterrupt("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (GeneratorExit("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (StopIteration("canary"), Failure.INTERNAL, Status.UNHEALTHY),
        (
            BaseExceptionGroup("canary", [SystemExit()]),
            Failure.INTERNAL,
            Status.UNHEALTHY,
        ),
        (CheckFailedError("canary", failure="auth"), Failure.AUTH, Status.UNHEALTHY),
        (
            CheckFailedError("canary", failure="quota", answered=True),
            Failure.QUOTA,
            Status.DEGRADED,
        ),
        (
            CheckFailedError("canary", failure="nonsense"),
            Failure.INTERNAL,
            Status.UNHEALTHY,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_a_check_raises_becomes_a_result(
    error: BaseException, failure: Failure, status: Status
) -> None:
    for probe in both_ways(raising(error)):
        result = await outcome(probe)
        assert (result.status, result.failure) == (status, failure)
        assert result.message


async def test_an_error_of_the_checks_own_carries_its_remedy() -> None:
    result = await outcome(raising(CheckFailedError("down", remedy="start it")))

    assert (result.message, result.remedy) == ("down", "start it")


@pytest.mark.parametrize("nothing", [7, "healthy", {"status": "healthy"}, True])
async def test_a_wrong_return_type_is_the_checks_fault(nothing: object) -> None:
    for probe in both_ways(lambda: nothing):
        result = await outcome(probe)
        assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.INTERNAL)
        assert type(nothing).__name__ in result.message


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "fine"},
        {"status": None},
        {"failure": "gremlins"},
        {"latency_ms": float("nan")},
        {"latency_ms": "12"},
        {"message": None},
        {"data": None},
    ],
    ids=str,
)
async def test_a_result_with_unusable_fields_is_the_checks_fault(
    fields: dict[str, Any],
) -> None:
    for probe in both_ways(lambda: CheckResult(**{"status": Status.HEALTHY} | fields)):
        result = await outcome(probe)
        assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.INTERNAL)


async def test_no_result_is_a_good_one() -> None:
    for probe in both_ways(lambda: None):
        assert (await outcome(probe)).status is Status.HEALTHY


async def test_a_checks_own_latency_beats_that_of_the_attempt() -> None:
    own = CheckResult(status=Status.HEALTHY, latency_ms=0.25)

    assert (await outcome(lambda: own)).latency_ms == 0.25
    measured = (await outcome(lambda: OK)).latency_ms
    assert measured is not None
    assert measured > 0


async def test_latency_ends_with_the_attempt_not_with_the_question() -> None:
    attempt = attempt_of(lambda: OK)
    assert await attempt.wait(DEADLINE)
    ended = attempt.age
    await until(lambda: attempt.age > ended + 0.2)

    latency = attempt.result().latency_ms
    assert latency is not None
    assert latency <= ended * 1000 + 100


async def test_a_plain_function_runs_off_the_loop() -> None:
    threads: list[threading.Thread] = []
    going = threading.Event()

    def blocking() -> None:
        threads.append(threading.current_thread())
        going.wait(DEADLINE)

    attempt = attempt_of(blocking)
    await until(lambda: threads)
    assert not attempt.task.done()
    going.set()
    assert await attempt.wait(DEADLINE)

    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


async def test_a_plain_function_may_return_a_coroutine() -> None:
    async def answer() -> CheckResult:
        return OK

    def probe() -> Awaitable[CheckResult]:
        return answer()

    assert (await outcome(probe)).status is Status.HEALTHY


async def test_a_verdict_frees_the_slot_at_once() -> None:
    for _ in range(200):
        attempt = attempt_of(lambda: OK)
        assert await attempt.wait(DEADLINE)
        assert attempt.ended


async def test_waiting_in_vain_does_not_disturb_the_attempt() -> None:
    going = asyncio.Event()

    async def slow() -> CheckResult:
        await going.wait()
        return OK

    attempt = attempt_of(slow)
    assert not await attempt.wait(0.01)
    assert not await attempt.wait(-1)
    going.set()

    assert await attempt.wait(DEADLINE)
    assert attempt.result().status is Status.HEALTHY


async def test_an_attempt_is_ended_by_breaking_what_it_hangs_on() -> None:
    check = Stuck()
    attempt = Attempt(check)

    assert await attempt.end(DEADLINE)
    assert check.aborted == 1
    assert attempt.task.cancelled()


async def test_an_abort_that_fails_does_not_keep_the_slot() -> None:
    attempt = Attempt(Stuck(OSError("cannot break it")))

    assert await attempt.end(DEADLINE)
    assert attempt.task.cancelled()


async def test_a_thread_that_hangs_keeps_its_slot_until_it_ends() -> None:
    started, going = threading.Event(), threading.Event()

    def hangs() -> None:
        started.set()
        going.wait(DEADLINE)

    attempt = attempt_of(hangs)
    await until(started.is_set)

    assert not await attempt.end(0.01)
    assert attempt.task.done()
    assert not attempt.ended
    going.set()
    await until(lambda: attempt.ended)


async def test_nobody_asks_a_late_failure_and_nobody_is_told() -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    attempt = attempt_of(raising(ValueError("canary")))
    await until(attempt.task.done)
    del attempt
    gc.collect()

    assert complaints == []
