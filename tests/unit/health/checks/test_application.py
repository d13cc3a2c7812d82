import json
import math
from dataclasses import replace

import anyio.to_thread
import pytest

from app.backend.health.checks.application import (
    ApplicationCheck,
    ApplicationReading,
    judge_application,
)
from app.backend.health.loop_watchdog import GcPauses, LoopWatchdog, WindowStats
from app.backend.health.models import CheckResult, Failure, Status

IDLE = ApplicationReading(
    state="serving",
    lag=0.001,
    max_lag=0.02,
    gc=WindowStats(4, 0.0123, 0.02),
    pool_borrowed=3,
    pool_total=40,
    pool_waiting=0,
    saturated_looks=0,
    tasks=12,
    threads=5,
    uptime=61.26,
)


def judge(reading: ApplicationReading) -> CheckResult:
    return judge_application(reading, lag_warning=0.5)


def check(state: str = "serving") -> ApplicationCheck:
    return ApplicationCheck(
        state=lambda: state,
        watchdog=LoopWatchdog(on_block=lambda _: None),
        gc_pauses=GcPauses(),
    )


def test_an_idle_process_is_healthy_and_described() -> None:
    result = judge(IDLE)
    assert result.status is Status.HEALTHY
    assert result.data == {
        "state": "serving",
        "uptime_s": 61.3,
        "lag_ms": 1.0,
        "max_lag_ms": 20.0,
        "gc": {"count": 4, "max_ms": 12.3, "total_ms": 20.0},
        "thread_pool": {"borrowed": 3, "total": 40, "waiting": 0},
        "tasks": 12,
        "threads": 5,
    }


@pytest.mark.parametrize(
    ("max_lag", "status"),
    [(0.5, Status.HEALTHY), (0.51, Status.DEGRADED), (60.0, Status.DEGRADED)],
)
def test_a_blocked_loop_is_overloaded_but_never_unhealthy(
    max_lag: float, status: Status
) -> None:
    result = judge(replace(IDLE, max_lag=max_lag))
    assert result.status is status
    if status is Status.DEGRADED:
        assert result.failure is Failure.OVERLOADED
        assert "event loop" in result.message
        assert result.remedy


@pytest.mark.parametrize(
    ("looks", "status"),
    [(1, Status.HEALTHY), (2, Status.DEGRADED), (9, Status.DEGRADED)],
)
def test_a_full_thread_pool_counts_from_the_second_look(
    looks: int, status: Status
) -> None:
    full = replace(IDLE, pool_borrowed=40, saturated_looks=looks)
    assert judge(full).status is status


def test_two_causes_are_both_told() -> None:
    result = judge(replace(IDLE, max_lag=2.0, pool_borrowed=40, saturated_looks=2))
    assert "event loop" in result.message
    assert "40 threads" in result.message
    assert "asyncio.to_thread" in result.remedy
    assert "total_tokens" in result.remedy


def test_an_unlimited_pool_stays_json() -> None:
    data = judge(replace(IDLE, pool_total=math.inf)).data
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["thread_pool"]["total"] is None


async def test_the_running_process_is_read() -> None:
    result = await check("draining").probe()
    assert result.status is Status.HEALTHY
    assert result.data["state"] == "draining"
    assert result.data["tasks"] >= 1
    assert result.data["threads"] >= 1
    assert result.data["thread_pool"]["total"] > 0
    json.dumps(result.data, allow_nan=False)


async def test_a_real_saturated_pool_degrades_at_the_second_look_and_heals() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    borrower = object()
    probed = check()
    limiter.acquire_on_behalf_of_nowait(borrower)
    statuses = [(await probed.probe()).status for _ in range(2)]
    limiter.release_on_behalf_of(borrower)
    statuses.append((await probed.probe()).status)
    limiter.acquire_on_behalf_of_nowait(borrower)
    statuses.append((await probed.probe()).status)
    assert statuses == [
        Status.HEALTHY,
        Status.DEGRADED,
        Status.HEALTHY,
        Status.HEALTHY,
    ]
