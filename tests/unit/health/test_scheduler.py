import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.registry import FunctionCheck, Registered
from app.backend.health.scheduler import END_FACTOR, Scheduler
from app.backend.health.supervisor import Supervisor
from tests.support.health import DEADLINE, OK, Stuck, until


@dataclass
class Running:
    scheduler: Scheduler
    supervisor: Supervisor
    reports: list[tuple[str, CheckResult]] = field(default_factory=list)

    def of(self, name: str) -> list[CheckResult]:
        return [result for reported, result in self.reports if reported == name]

    async def stop(self) -> None:
        await self.supervisor.stop()
        await self.scheduler.stop()


@asynccontextmanager
async def running(
    *checks: Any, urgent: bool = False, pauses: Mapping[str, float] | None = None
) -> AsyncIterator[Running]:
    supervisor = Supervisor(pause=0.01)
    reports: list[tuple[str, CheckResult]] = []
    scheduler = Scheduler(
        checks,
        lambda name, result: reports.append((name, result)),
        urgent=lambda _: urgent,
        supervisor=supervisor,
        pause=lambda entry: (pauses or {}).get(entry.name, 0.0),
        seed=7,
    )
    started = Running(scheduler, supervisor, reports)
    scheduler.start()
    try:
        yield started
    finally:
        await started.stop()


async def sound() -> CheckResult:
    return OK


def check(name: str, probe: Callable[[], Any], **policy: Any) -> Registered:
    given = {"period": 0.01, "timeout": DEADLINE} | policy
    return Registered(FunctionCheck(name, probe), CheckPolicy(**given))


async def test_a_check_runs_again_and_again_and_each_result_is_reported() -> None:
    calls: list[int] = []

    async def counted() -> CheckResult:
        calls.append(1)
        return CheckResult.healthy(number=len(calls))

    async with running(check("counted", counted)) as run:
        await until(lambda: len(run.reports) >= 5)

    numbers = [result.data["number"] for result in run.of("counted")]
    assert numbers == [*range(1, len(numbers) + 1)]


async def test_a_hung_check_has_one_attempt_in_flight_and_holds_up_nobody() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=0.01, timeout=0.05))
    async with running(hung, check("sound", sound)) as run:
        await until(lambda: stuck.started >= 3)
        seen = len(run.of("sound"))
        await until(lambda: len(run.of("sound")) > seen)

    assert stuck.most == 1
    assert {result.failure for result in run.of("stuck")} == {Failure.TIMEOUT}
    assert {result.failure for result in run.of("sound")} == {None}


async def test_a_timeout_is_reported_while_the_attempt_still_runs() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=3600, timeout=0.05))
    async with running(hung) as run:
        await until(lambda: run.reports)
        assert (stuck.started, stuck.in_flight, stuck.aborted) == (1, 1, 0)
        [result] = run.of("stuck")

    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.TIMEOUT)
    assert result.latency_ms is not None
    assert result.latency_ms >= 49
    assert result.remedy
    assert result.data == {"variable": "STUCK_KEY"}


async def test_a_late_end_is_followed_by_a_new_attempt_at_once() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=3600, timeout=1.0))
    async with running(hung) as run:
        await until(lambda: run.reports)
        stuck.going.set()
        await until(lambda: len(run.reports) >= 2)
        assert stuck.aborted == 0

    assert [result.message for result in run.of("stuck")][1:] == ["answer 2"]


async def test_a_late_end_is_no_reason_to_ask_one_again_who_counts_the_calls() -> None:
    stuck = Stuck()
    counted = Registered(stuck, CheckPolicy(period=3600, timeout=1.0, budget=10))
    async with running(counted, check("other", sound)) as run:
        await until(lambda: run.of("stuck"))
        stuck.going.set()
        known = len(run.of("other"))
        await until(lambda: len(run.of("other")) >= known + 20)

    assert [result.failure for result in run.of("stuck")] == [Failure.TIMEOUT]


async def test_an_answer_later_than_its_timeout_never_counts() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=0.001, timeout=1.0))
    async with running(hung) as run:
        await until(lambda: run.reports)
        await until(lambda: len(run.reports) >= 2)
        stuck.going.set()
        await until(lambda: len(run.reports) >= 4)

    messages = [result.message for result in run.of("stuck")]
    assert "answer 1" not in messages
    assert "answer 2" in messages


async def test_an_attempt_is_broken_at_five_timeouts_and_the_slot_heals() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=0.01, timeout=0.04))
    async with running(hung) as run:
        await until(lambda: stuck.aborted)
        seen = [result.latency_ms or 0 for result in run.of("stuck")]
        stuck.going.set()
        await until(lambda: run.reports[-1][1].failure is None)

    assert max(seen) >= 0.04 * END_FACTOR * 1000 - 1
    assert stuck.aborted == 1


async def test_a_slot_heals_although_the_connection_cannot_be_broken() -> None:
    stuck = Stuck(OSError("cannot break it"))
    hung = Registered(stuck, CheckPolicy(period=0.01, timeout=0.02))
    async with running(hung) as run:
        await until(lambda: stuck.started >= 2, within=5)
        assert run.supervisor.restarts == {"health:stuck": 0}
        assert stuck.most == 1
        stuck.going.set()


async def test_a_stop_ends_all_attempts_although_one_cannot_be_broken() -> None:
    stuck, sound = Stuck(OSError("cannot break it")), Stuck()
    policy = CheckPolicy(period=0.01, timeout=DEADLINE)
    async with running(Registered(stuck, policy)) as first:
        await until(lambda: stuck.in_flight)
        await first.stop()
        assert stuck.in_flight == 0
    async with running(Registered(sound, policy)):
        await until(lambda: sound.in_flight)

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "error",
    [
        ValueError("canary"),
        asyncio.CancelledError("canary"),
        SystemExit(3),
        StopIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "coroutine"])
async def test_whatever_a_check_raises_its_loop_lives_on(
    error: BaseException, *, plain: bool
) -> None:
    def raises() -> None:
        raise error

    async def raises_too() -> None:
        raise error

    async with running(check("raises", raises if plain else raises_too)) as run:
        await until(lambda: len(run.reports) >= 3)
        assert run.supervisor.restarts == {"health:raises": 0}

    assert {result.failure for result in run.of("raises")} == {Failure.INTERNAL}


async def test_a_function_that_answers_at_once_never_times_out() -> None:
    async with running(check("quick", lambda: OK, period=0.0001)) as run:
        await until(lambda: len(run.reports) >= 200)

    assert {result.failure for result in run.of("quick")} == {None}


async def test_a_hung_thread_keeps_its_slot_and_no_second_one_is_started() -> None:
    going, calls = threading.Event(), []

    def hangs() -> None:
        calls.append(threading.current_thread())
        going.wait(DEADLINE)

    async with running(
        check("hangs", hangs, timeout=0.01), check("sound", sound)
    ) as run:
        # Twice past the point where the attempt is given up.
        await until(
            lambda: sum((r.latency_ms or 0) > 100 for r in run.of("hangs")) >= 2
        )
        assert len(calls) == 1
        assert len(run.of("sound")) > 1
        going.set()
        await until(lambda: len(calls) >= 2)
        await until(lambda: run.of("hangs")[-1].failure is None)


async def test_a_stop_ends_what_is_in_flight_and_leaves_no_task() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(period=0.01, timeout=DEADLINE))
    async with running(hung, check("sound", sound)) as run:
        await until(lambda: stuck.in_flight and run.of("sound"))
    reported = len(run.reports)
    await asyncio.sleep(0)

    assert (stuck.in_flight, stuck.aborted) == (0, 1)
    assert len(run.reports) == reported
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_check_that_the_gate_waits_for_is_asked_every_second() -> None:
    async with running(check("gate", sound, period=3600), urgent=True) as run:
        await until(lambda: len(run.reports) >= 2)


async def test_an_initial_delay_puts_off_the_first_attempt_only() -> None:
    later = check("later", sound, initial_delay=3600)
    async with running(later, check("now", sound)) as run:
        await until(lambda: len(run.of("now")) >= 3)

    assert run.of("later") == []


async def test_a_check_that_wants_to_be_left_alone_is_and_no_other() -> None:
    pauses = {"later": 3600.0, "soon": 0.001}
    checks = [check(name, sound) for name in ("later", "soon", "usual")]
    async with running(*checks, pauses=pauses) as run:
        await until(lambda: len(run.of("soon")) >= 5 and len(run.of("usual")) >= 5)

    assert len(run.of("later")) == 1


async def test_the_gate_makes_nobody_ask_beyond_a_budget() -> None:
    bounded = check("bounded", sound, period=3600, budget=10)
    async with running(bounded, check("free", sound, period=3600), urgent=True) as run:
        await until(lambda: len(run.of("free")) >= 2)

    assert len(run.of("bounded")) == 1
