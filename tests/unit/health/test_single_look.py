import asyncio
from collections.abc import Callable
from typing import Any

from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.registry import FunctionCheck, Registered
from app.backend.health.scheduler import run_once
from tests.support.health import DEADLINE, OK, Stuck


async def sound() -> CheckResult:
    return OK


def check(name: str, probe: Callable[[], Any]) -> Registered:
    return Registered(FunctionCheck(name, probe), CheckPolicy(timeout=DEADLINE))


async def test_a_single_look_asks_all_side_by_side() -> None:
    started, everybody = [], asyncio.Event()

    async def waits_for_the_others() -> CheckResult:
        started.append(1)
        if len(started) == 3:
            everybody.set()
        await everybody.wait()
        return OK

    checks = [check(name, waits_for_the_others) for name in ("a", "b", "c")]

    assert {r.status for r in (await run_once(checks)).values()} == {Status.HEALTHY}


async def test_a_single_look_waits_for_nobody_longer_than_its_timeout() -> None:
    stuck = Stuck()
    hung = Registered(stuck, CheckPolicy(timeout=0.05))
    results = await run_once([hung, check("sound", sound)])

    assert results["stuck"].failure is Failure.TIMEOUT
    assert results["sound"].status is Status.HEALTHY
    assert (stuck.in_flight, stuck.aborted) == (0, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_in_a_single_look_each_check_has_its_own_latency() -> None:
    stuck = Registered(Stuck(), CheckPolicy(timeout=0.6))
    results = await run_once([stuck, check("quick", sound)])

    latency = results["quick"].latency_ms
    assert latency is not None
    assert latency < 500
