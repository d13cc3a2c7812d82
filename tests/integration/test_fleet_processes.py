"""Replicas as processes and one vendor: calls per hour are those of one replica."""

import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.backend.health.fleet import lease_of
from app.backend.health.models import JITTER, CheckPolicy
from tests.support.fake_vendors import Behaviour, FakeVendors, fake_vendors
from tests.support.private_postgres import private_postgres
from tests.support.processes import Child, eventually, start
from tests.support.service import until
from tests.support.vendor_voices import KEYS

PERIOD = 2.0
# About twice what the period needs, as the defaults have it.
BUDGET = 4000


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


def variables_of(fakes: FakeVendors, url: str, **more: object) -> dict[str, str]:
    """One vendor, asked far more often than anybody should."""
    return {
        "ENVIRONMENT": "staging",
        "DATABASE_URL": url,
        "OPENAI_API_KEY": KEYS["openai"],
        "HEALTH_OPENAI_BASE_URL": f"{fakes.url}/openai/v1",
        "HEALTH_OPENAI_PERIOD": str(PERIOD),
        "HEALTH_OPENAI_BUDGET": str(BUDGET),
        "HEALTH_OPENAI_TIMEOUT": "5",
        "PM33_REPLICA_HEARTBEAT": "1",
        **{name: str(value) for name, value in more.items()},
    }


@contextmanager
def replicas(
    folder: Path, count: int, variables: dict[str, str], first: int = 1
) -> Iterator[list[Child]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                start(
                    ["-m", "tests.support.fleet_member", "openai"],
                    output=folder / f"r-{number}",
                    env=variables
                    | {
                        "PM33_REPLICA_ID": f"r-{number}",
                        "PM33_HOME": str(folder / f"home-{number}"),
                    },
                )
            )
            for number in range(first, first + count)
        ]


def told(child: Child) -> list[dict[str, Any]]:
    """The results that it took in."""
    return [event for event in child.events() if "latest" in event]


async def all_know(fleet: Sequence[Child], at_least: int = 1) -> None:
    await eventually(
        lambda: all(len(told(child)) >= at_least for child in fleet), within=120
    )


async def claimed_by(url: str) -> str:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return str(
            await connection.fetchval("select claimed_by from ops.shared_result")
        )
    finally:
        await connection.close(timeout=30)


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(3, marks=pytest.mark.full),
        pytest.param(20, marks=pytest.mark.full),
    ],
)
async def test_a_fleet_calls_as_often_as_one_replica_may(
    tmp_path: Path, fakes: FakeVendors, database_url: str, count: int
) -> None:
    # So long that no machine is too slow for it.
    variables = variables_of(fakes, database_url, HEALTH_OPENAI_TIMEOUT=30)
    with replicas(tmp_path, count, variables) as fleet:
        await all_know(fleet)
        began, before = time.monotonic(), len(fakes.asked)
        seen = [len(told(child)) for child in fleet]
        await eventually(
            lambda: all(
                len(told(child)) >= known + 5
                for child, known in zip(fleet, seen, strict=True)
            ),
            within=120,
        )
        took, calls = time.monotonic() - began, len(fakes.asked) - before

        assert calls <= took * BUDGET / 3600 + 1
        # Not even while they start does each of them call.
        assert before < count
        names = {f"r-{number + 1}" for number in range(count)}
        for child in fleet:
            assert told(child)[-1]["status"] == "healthy"
            # A machine that starts them all may be too slow for the store at first.
            assert {event["by"] for event in told(child)} - {None} <= names


@pytest.mark.full
async def test_a_killed_replica_s_turn_goes_to_another(
    tmp_path: Path, fakes: FakeVendors, database_url: str
) -> None:
    fakes.behaviours["openai"] = Behaviour.HANG
    variables = variables_of(fakes, database_url)
    with replicas(tmp_path, 3, variables) as fleet:
        await eventually(lambda: fakes.asked)
        killed_at = time.monotonic()
        name = await claimed_by(database_url)
        killed = fleet[int(name.removeprefix("r-")) - 1]
        killed.signal(signal.SIGKILL)
        fakes.behaviours.clear()
        left = [child for child in fleet if child is not killed]
        await all_know(left)

    lease = lease_of(CheckPolicy(timeout=5))
    assert time.monotonic() - killed_at > lease * (1 - JITTER)
    assert {event["by"] for event in told(left[0])} <= {"r-1", "r-2", "r-3"} - {name}
    assert len(fakes.asked) <= 2 + (time.monotonic() - killed_at) / PERIOD


@pytest.mark.full
async def test_a_store_that_stops_and_starts_costs_no_more_than_a_few_calls(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    async with private_postgres() as server:
        variables = variables_of(fakes, server.url)
        with replicas(tmp_path, 6, variables) as fleet:
            await all_know(fleet, 2)
            # As many as there are replicas: each knows of all.
            await eventually(lambda: all(len(told(one)) >= 3 for one in fleet))
            await server.stop()
            stopped, before = time.monotonic(), len(fakes.asked)
            await eventually(
                lambda: all(told(child)[-1]["by"] is None for child in fleet), within=90
            )
            took, calls = time.monotonic() - stopped, len(fakes.asked) - before
            # Each once, then each after six periods, and one that was under way.
            assert calls <= 6 + 1 + took / PERIOD
            assert {e["status"] for one in fleet for e in told(one)} == {"healthy"}

            await server.start()
            await eventually(
                lambda: all(told(child)[-1]["by"] is not None for child in fleet),
                within=90,
            )


@pytest.mark.full
async def test_two_releases_share_a_key_and_keep_two_keys_apart(
    tmp_path: Path, fakes: FakeVendors, database_url: str
) -> None:
    def release(commit: str, **more: object) -> dict[str, str]:
        variables = variables_of(fakes, database_url, PM33_COMMIT=commit, **more)
        return variables | {"PM33_DEPLOYMENT_ID": commit}

    key = "sk-another-key-of-the-new-release"
    wrong = release("ba5e", OPENAI_API_KEY=key, HEALTH_OPENAI_BACKOFF="false")
    with (
        replicas(tmp_path, 1, release("c0ffee")) as old,
        replicas(tmp_path, 1, release("beef"), first=2) as new,
        replicas(tmp_path, 1, wrong, first=3) as other,
    ):
        await all_know([*old, *new, *other], 4)

    assert {e["by"] for one in (*old, *new) for e in told(one)} <= {"r-1", "r-2"}
    assert {e["latest"] for one in (*old, *new) for e in told(one)} == {"healthy"}
    assert {e["by"] for e in told(other[0])} == {"r-3"}
    assert {e["latest"] for e in told(other[0])} == {"degraded"}


async def test_three_replicas_of_the_service_hear_of_one_another(
    tmp_path: Path, fakes: FakeVendors, database_url: str
) -> None:
    # So long a claim that no machine is too slow for it.
    once = {"HEALTH_OPENAI_PERIOD": 3600, "HEALTH_OPENAI_TIMEOUT": 60}
    variables = variables_of(fakes, database_url, **once)
    with replicas(tmp_path, 3, variables) as fleet:
        await all_know(fleet)

        async def claimed() -> str:
            return await claimed_by(database_url)

        name = await until(claimed)
        assert {told(child)[-1]["by"] for child in fleet} == {name}
    assert len(fakes.asked_of("openai")) == 1
    connection = await asyncpg.connect(database_url, timeout=30)
    try:
        stored = str(await connection.fetch("select * from ops.shared_result"))
    finally:
        await connection.close(timeout=30)
    assert KEYS["openai"] not in stored
