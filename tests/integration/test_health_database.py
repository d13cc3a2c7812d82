import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from app.backend.database.embedded import EmbeddedServer
from tests.support.postgres import database_named
from tests.support.private_postgres import PrivatePostgres, private_postgres
from tests.support.service import Service, served_service

MEGABYTE = 1024 * 1024
# Two good results in a row, and one that was under way when the cause went.
SAMPLES_TO_HEAL = 3
BREAK_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'pm33-%'"
)
QUICK = {
    "HEALTH_DATABASE_PERIOD": 0.5,
    "HEALTH_DATABASE_TIMEOUT": 1,
    "PM33_OVERRIDE_POLL": 0.5,
}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[PrivatePostgres]:
    async with private_postgres() as running:
        yield running


async def healthy(service: Service) -> None:
    await service.check_becomes("database", status="healthy", failure=None)


async def assert_heals(service: Service, since: datetime) -> None:
    needed = await service.samples_until("database", since, status="healthy")
    assert needed <= SAMPLES_TO_HEAL
    assert (await service.get("/api/health")).status_code == 200


async def assert_unhealthy(service: Service, failure: str) -> None:
    told = await service.check_becomes("database", status="unhealthy", failure=failure)
    assert told["remedy"]
    assert (await service.get("/api/health")).status_code == 503
    # A shared dependency never restarts or evicts this replica.
    assert (await service.get("/api/health/live")).status_code == 200
    assert (await service.get("/api/health/ready")).status_code == 200


async def test_a_running_server_is_healthy_and_described(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        await healthy(service)
        view = await service.check("database")

    assert view["latency_ms"] > 0
    assert view["data"]["schema"]["position"] == "current"
    assert view["data"]["in_recovery"] is False
    assert view["data"]["tls"] is False
    assert view["data"]["server_version"]


async def test_a_stopped_server_is_refused_and_heals(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service:
        await healthy(service)

        await server.stop()
        await assert_unhealthy(service, "refused")

        await server.start()
        await assert_heals(service, datetime.now(UTC))


async def test_a_frozen_server_is_a_timeout_and_heals(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service:
        await healthy(service)

        server.freeze()
        await assert_unhealthy(service, "timeout")

        server.thaw()
        await server.execute("SELECT 1")
        await assert_heals(service, datetime.now(UTC))


@pytest.mark.full
async def test_a_server_that_was_frozen_from_the_start_is_a_timeout_and_heals(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    server.freeze()
    async with served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service:
        await assert_unhealthy(service, "timeout")
        # Past five timeouts, where the connection is broken and made anew.
        await service.samples("database", 8)
        # The check's, the store's, and one that is just being replaced.
        assert service.connections_to(urlsplit(server.url).port or 0) <= 3

        server.thaw()
        await server.execute("SELECT 1")
        await assert_heals(service, datetime.now(UTC))


async def test_an_exhausted_pool_is_information_and_no_failure(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(
        tmp_path,
        **QUICK,
        DATABASE_URL=database_url,
        DB_POOL_SIZE=2,
        PM33_MOUNT="tests.support.mounted_app:app",
    ) as service:
        held = await service.http.post("/hold?connections=2")
        assert held.status_code == 200, held.text
        await service.samples("database", 2)
        exhausted = await service.check("database")
        await service.http.post("/release")
        await service.samples("database", 2)
        released = await service.check("database")

    assert (exhausted["status"], exhausted["failure"]) == ("healthy", None)
    assert exhausted["data"]["pool"] == {"size": 2, "checked_out": 2, "full": True}
    assert released["data"]["pool"]["full"] is False


@pytest.mark.parametrize(
    "filler", ["other", pytest.param("application", marks=pytest.mark.full)]
)
async def test_no_room_for_a_new_connection_is_overloaded_for_one_that_is_open(
    tmp_path: Path, filler: str
) -> None:
    async with private_postgres(max_connections=12) as server:
        await server.execute("CREATE ROLE other LOGIN PASSWORD 'other'")
        password = server.password if filler == "application" else "other"
        async with served_service(
            tmp_path, **QUICK, DATABASE_URL=server.url
        ) as service:
            await healthy(service)
            async with server.filled_up(filler, password):
                told = await service.check_becomes(
                    "database", status="degraded", failure="overloaded"
                )
            await assert_heals(service, datetime.now(UTC))

    assert told["remedy"]


@pytest.mark.full
async def test_no_room_is_overloaded_for_a_service_that_starts(tmp_path: Path) -> None:
    async with (
        private_postgres(max_connections=12) as server,
        server.filled_up("application", server.password),
        served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service,
    ):
        await service.check_becomes("database", status="degraded", failure="overloaded")


@pytest.mark.full
async def test_no_room_is_overloaded_for_a_connection_that_broke_and_heals(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service:
        await healthy(service)

        await server.execute(
            "ALTER ROLE application CONNECTION LIMIT 0", BREAK_CONNECTIONS
        )
        await service.check_becomes("database", status="degraded", failure="overloaded")

        await server.execute("ALTER ROLE application CONNECTION LIMIT -1")
        await assert_heals(service, datetime.now(UTC))


async def test_a_rotated_password_is_auth_and_heals(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=server.url) as service:
        await healthy(service)

        await server.execute(
            "ALTER ROLE application PASSWORD 'another'", BREAK_CONNECTIONS
        )
        await assert_unhealthy(service, "auth")

        await server.execute(f"ALTER ROLE application PASSWORD '{server.password}'")
        await assert_heals(service, datetime.now(UTC))


async def test_a_dropped_database_is_config_and_heals(
    tmp_path: Path, postgres: EmbeddedServer, database_url: str
) -> None:
    name = urlsplit(database_url).path.lstrip("/")
    template = urlsplit(postgres.url).path.lstrip("/")
    maintenance = await asyncpg.connect(database_named(postgres.url, "postgres"))
    try:
        async with served_service(
            tmp_path, **QUICK, DATABASE_URL=database_url
        ) as service:
            await healthy(service)

            await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await assert_unhealthy(service, "config")

            await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            await assert_heals(service, datetime.now(UTC))
    finally:
        await maintenance.close()


@pytest.mark.parametrize(
    ("seconds", "growth"),
    [(3, 8 * MEGABYTE), pytest.param(30, 5 * MEGABYTE, marks=pytest.mark.full)],
)
async def test_memory_stays_flat_while_the_database_is_away(
    tmp_path: Path, server: PrivatePostgres, seconds: float, growth: int
) -> None:
    url = server.url
    await server.stop()
    async with served_service(
        tmp_path,
        HEALTH_DATABASE_PERIOD=0.1,
        PM33_OVERRIDE_POLL=0.1,
        PM33_REPLICA_HEARTBEAT=0.1,
        DATABASE_URL=url,
    ) as service:
        # What is needed once has been loaded by then.
        await service.samples("database", 10)
        before = service.rss()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            assert (await service.get("/api/health")).status_code == 503
            await asyncio.sleep(0.2)

        assert service.rss() - before <= growth
        assert (await service.check("database"))["failure"] == "refused"
