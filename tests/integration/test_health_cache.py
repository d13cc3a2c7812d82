from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.service import Service, served_service
from tests.support.valkey import ValkeyServer, valkey_server

# Two good results in a row, and one that was under way when the cause went.
SAMPLES_TO_HEAL = 3
# The machine's own state is not looked at: it would show in the report.
QUICK = {
    "HEALTH_CACHE_PERIOD": 0.2,
    "HEALTH_CACHE_TIMEOUT": 0.5,
    "HEALTH_SYSTEM_ENABLED": "false",
}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ValkeyServer]:
    async with valkey_server() as running:
        yield running


async def assert_unhealthy(service: Service, failure: str) -> None:
    told = await service.check_becomes("cache", status="unhealthy", failure=failure)
    assert told["remedy"]
    # It is neither critical nor on the core list.
    report = await service.get("/api/health/detailed")
    assert (report.status_code, report.json()["status"]) == (200, "degraded")
    assert (await service.json("/api/health"))["status"] == "healthy"


async def assert_heals(service: Service, since: datetime) -> None:
    needed = await service.samples_until("cache", since, status="healthy")
    assert needed <= SAMPLES_TO_HEAL
    assert (await service.json("/api/health/detailed"))["status"] == "healthy"


async def test_without_a_cache_the_check_is_skipped_and_does_not_count(
    tmp_path: Path,
) -> None:
    async with served_service(tmp_path, **QUICK) as service:
        told = await service.check_becomes("cache", status="skipped")
        await service.check_becomes("application", status="healthy")

        assert "REDIS_URL" in told["remedy"]
        assert (await service.json("/api/health/detailed"))["status"] == "healthy"


async def test_a_running_server_is_healthy_and_described(
    tmp_path: Path, server: ValkeyServer
) -> None:
    async with served_service(tmp_path, **QUICK, REDIS_URL=server.url()) as service:
        told = await service.check_becomes("cache", status="healthy")

    assert told["data"]["software"] == "valkey"
    assert told["data"]["role"] == "master"
    assert told["latency_ms"] > 0


async def test_a_stopped_server_is_refused_and_heals(
    tmp_path: Path, server: ValkeyServer
) -> None:
    async with served_service(tmp_path, **QUICK, REDIS_URL=server.url()) as service:
        await service.check_becomes("cache", status="healthy")

        await server.stop()
        await assert_unhealthy(service, "refused")

        await server.start()
        await assert_heals(service, datetime.now(UTC))


@pytest.mark.full
async def test_a_frozen_server_is_a_timeout_and_heals_on_one_connection(
    tmp_path: Path, server: ValkeyServer
) -> None:
    async with served_service(tmp_path, **QUICK, REDIS_URL=server.url()) as service:
        await service.check_becomes("cache", status="healthy")

        server.freeze()
        await assert_unhealthy(service, "timeout")
        # Past five timeouts, where the connection is broken and made anew.
        await service.samples("cache", 6)

        server.thaw()
        await assert_heals(service, datetime.now(UTC))
        assert await server.connections("pm33-health") == 1
