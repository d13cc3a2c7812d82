import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.extra_checks import Controls
from tests.support.http import connect
from tests.support.processes import eventually
from tests.support.service import served_service

# Short, so that several of the second deadlines (five timeouts) pass in a test.
QUICK = {
    "HEALTH_APPLICATION_PERIOD": 0.3,
    "HEALTH_SUBJECT_PERIOD": 0.2,
    "HEALTH_SUBJECT_TIMEOUT": 0.1,
    "HEALTH_THREADED_PERIOD": 0.2,
    "HEALTH_THREADED_TIMEOUT": 0.1,
}
PROBED = (
    "/api/health",
    "/api/health/detailed",
    "/api/health/detailed?why",
    "/api/health/checks/subject",
)
# What a check does, and the failure that it shows then.
MISBEHAVIOURS = {
    "hung": ("subject", "hang", "timeout"),
    "raising": ("subject", "raise", "internal"),
    "cancelled": ("subject", "cancel", "internal"),
    "packets-dropped": ("subject", "drop", "timeout"),
    "never-cancelled": ("subject", "stubborn", "timeout"),
    "exiting": ("subject", "exit", "internal"),
    "thread-hung": ("threaded", "hang", "timeout"),
    "thread-raising": ("threaded", "raise", "internal"),
    "thread-exiting": ("threaded", "exit", "internal"),
}


def misbehaviours(*quick: str) -> list[Any]:
    """Every one of them; those that are not named are for the full tier."""
    return [
        pytest.param(*row, id=name, marks=() if name in quick else pytest.mark.full)
        for name, row in MISBEHAVIOURS.items()
    ]


@pytest.fixture
def controls(tmp_path: Path) -> Controls:
    return Controls(tmp_path)


@contextmanager
def dropping_port() -> Iterator[int]:
    """A port of 127.0.0.1 whose accept queue is full: the kernel drops each SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.listen(0)
        with suppress(TimeoutError):
            while True:
                client = stack.enter_context(socket.socket())
                client.settimeout(0.3)
                client.connect(listener.getsockname())
        yield int(listener.getsockname()[1])


@contextmanager
def misbehaving(controls: Controls, check: str, behaviour: str) -> Iterator[int]:
    """Gives the order; yields the port that swallows packets, or 0."""
    with dropping_port() if behaviour == "drop" else nullcontext(0) as port:
        controls.order(check, f"{behaviour} {port}" if port else behaviour)
        yield port


async def test_checks_run_side_by_side(tmp_path: Path, controls: Controls) -> None:
    names = ("slow_one", "slow_two", "slow_three")
    async with served_service(tmp_path, **controls.variables(*names)) as service:
        for name in names:
            await service.check_becomes(name, status="healthy")

    attempts = [one for name in names for one in controls.attempts(name)]
    assert len(attempts) == len(names)
    began = [one.began for one in attempts]
    ended = [one.ended or 0.0 for one in attempts]
    longest = max(end - begin for begin, end in zip(began, ended, strict=True))
    # 0.8 s for checks of 0.5 s, also on a machine that makes a sleep last longer.
    assert max(ended) - min(began) < longest + 0.3
    assert max(began) < min(ended)


@pytest.mark.parametrize(
    ("check", "behaviour", "failure"), misbehaviours("raising", "cancelled", "hung")
)
async def test_a_misbehaving_check_is_told_and_does_not_delay_the_answer(
    tmp_path: Path, controls: Controls, check: str, behaviour: str, failure: str
) -> None:
    with misbehaving(controls, check, behaviour):
        async with served_service(
            tmp_path, **QUICK, **controls.variables(check)
        ) as service:
            await service.check_becomes("application", status="healthy")
            told = await service.check_becomes(
                check, status="unhealthy", failure=failure
            )

            assert told["remedy"]
            # It is not critical.
            report = await service.get("/api/health/detailed")
            assert (report.status_code, report.json()["status"]) == (200, "degraded")
            assert await service.latency_ms("/api/health/detailed") < 20
            controls.order(check, "healthy")


@pytest.mark.parametrize(
    ("check", "behaviour", "failure"), misbehaviours("packets-dropped", "thread-hung")
)
async def test_a_misbehaving_check_piles_nothing_up_and_heals(
    tmp_path: Path, controls: Controls, check: str, behaviour: str, failure: str
) -> None:
    with misbehaving(controls, check, behaviour) as port:
        async with served_service(
            tmp_path, **QUICK, **controls.variables(check)
        ) as service:
            await service.check_becomes("application", status="healthy")
            await service.check_becomes(check, failure=failure)
            before = (await service.check("application"))["data"]

            connections = []
            for _ in range(8):
                await service.samples(check, 1)
                connections.append(service.connections_to(port) if port else 0)
            await service.samples("application", 2)
            after = (await service.check("application"))["data"]

            assert max(connections) <= 1
            assert controls.most_at_once(check) == 1
            # One attempt more or less, and the tasks and threads of our own requests.
            assert after["tasks"] <= before["tasks"] + 3
            assert after["threads"] <= before["threads"] + 3

            controls.order(check, "healthy")
            await service.check_becomes(check, status="healthy", failure=None)


async def test_a_check_that_blocks_the_loop_is_told_and_its_lag_is_reported(
    tmp_path: Path, controls: Controls
) -> None:
    controls.order("subject", "block")
    async with served_service(
        tmp_path,
        HEALTH_APPLICATION_PERIOD=0.3,
        HEALTH_LAG_WARNING=0.5,
        HEALTH_SUBJECT_PERIOD=2,
        HEALTH_SUBJECT_TIMEOUT=0.5,
        HEALTH_SUBJECT_RISE=1,
        **controls.variables("subject"),
    ) as service:
        await service.check_becomes("subject", status="unhealthy", failure="timeout")
        late = await service.check_becomes(
            "application", status="degraded", failure="overloaded"
        )

        assert late["data"]["max_lag_ms"] > 500
        assert "blocked" in late["message"]
        assert late["remedy"]
        controls.order("subject", "healthy")
        await service.check_becomes("subject", status="healthy")


async def _probe_until(stop: asyncio.Event, port: int) -> int:
    """Asks on one connection, as fast as it is answered; returns how often."""
    answered = 0
    async with connect(port) as connection:
        while not stop.is_set():
            path = PROBED[answered % len(PROBED)]
            response = await connection.request("GET", path)
            assert response.status == 200
            answered += 1
    return answered


@pytest.mark.parametrize("seconds", [2, pytest.param(5, marks=pytest.mark.full)])
async def test_concurrent_probes_run_no_check(
    tmp_path: Path, controls: Controls, seconds: float
) -> None:
    async with served_service(
        tmp_path, HEALTH_SUBJECT_PERIOD=600, **controls.variables("subject")
    ) as service:
        await service.check_becomes("subject", status="healthy")
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)

        async with asyncio.TaskGroup() as group:
            probes = [
                group.create_task(_probe_until(stop, service.port)) for _ in range(200)
            ]

        assert min(probe.result() for probe in probes) > 0
        assert len(controls.attempts("subject")) == 1


async def test_before_the_first_result_health_is_unknown_and_the_process_lives(
    tmp_path: Path,
) -> None:
    with dropping_port() as port:
        async with served_service(
            tmp_path,
            DATABASE_URL=f"postgresql://user:password@127.0.0.1:{port}/database",
            HEALTH_DATABASE_TIMEOUT=600,
            PM33_DB_CONNECT_TIMEOUT=600,
        ) as service:
            await service.check_becomes("application", status="healthy")
            answers = {
                path: await service.get(path)
                for path in ("/api/health", "/api/health/detailed", "/api/health/live")
            }

            assert (await service.check("database"))["status"] == "unknown"
            for path in ("/api/health", "/api/health/detailed"):
                assert answers[path].status_code == 503
                assert answers[path].json()["status"] == "unknown"
            assert answers["/api/health/live"].status_code == 200


async def test_a_check_that_never_answered_does_not_hold_the_others_up(
    tmp_path: Path, controls: Controls
) -> None:
    controls.order("subject", "hang")
    async with served_service(
        tmp_path,
        HEALTH_SUBJECT_TIMEOUT=600,
        HEALTH_SUBJECT_CRITICAL="true",
        HEALTH_APPLICATION_PERIOD=0.2,
        **controls.variables("subject"),
    ) as service:
        await eventually(lambda: controls.attempts("subject"))
        await service.samples("application", 3)

        assert (await service.check("subject"))["status"] == "unknown"
        assert (await service.get("/api/health/detailed")).status_code == 503
        assert (await service.get("/api/health")).status_code == 200
