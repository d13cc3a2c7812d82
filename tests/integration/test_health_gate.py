import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.backend.database.embedded import EmbeddedServer
from tests.support.extra_checks import Controls
from tests.support.postgres import fresh_database
from tests.support.processes import eventually
from tests.support.service import TOKEN, Service, pm33, served_service

STARTUP = "/api/health/startup"
QUICK = {"HEALTH_DATABASE_PERIOD": 0.2, "HEALTH_GATE_GRACE": 1}
# Nothing listens there: the port is reserved (RFC 6335, §8.1.2: tcpmux).
NOBODY = "postgresql://user:password@127.0.0.1:1/database"


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=30)
    finally:
        await connection.close(timeout=30)


async def fault(service: Service, **fields: object) -> Mapping[str, Any]:
    """Waits for a fault of the gate with these fields."""
    seen: Any = None
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        seen = (await service.json(STARTUP, token=TOKEN))["gate"]["faults"]
        for one in seen:
            if fields.items() <= one.items():
                return dict(one)
        await asyncio.sleep(0.05)
    raise AssertionError(f"no fault {fields}: {seen}")


async def assert_closed_for_good(service: Service) -> None:
    """Past the grace that faults of the world have, and several looks later."""
    started = time.monotonic()
    while time.monotonic() < started + 3 * QUICK["HEALTH_GATE_GRACE"]:
        assert (await service.get(STARTUP)).status_code == 503
        await asyncio.sleep(0.1)
    assert (await service.get("/api/health/live")).status_code == 200


async def logged_fault(service: Service, source: str) -> Mapping[str, Any]:
    def seen() -> Mapping[str, Any] | None:
        for event in service.child.events():
            if event.get("source") == source and "gate closed" in event["message"]:
                return event
        return None

    event = await eventually(seen)
    assert event is not None
    return event


async def test_a_schema_that_is_current_opens_the_gate(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(tmp_path, DATABASE_URL=database_url) as service:
        body = await service.answers(STARTUP, 200)

    assert body["status"] == "healthy"


async def test_a_schema_that_is_ahead_opens_the_gate(
    tmp_path: Path, database_url: str
) -> None:
    await execute(
        database_url, "UPDATE ops.alembic_version SET version_num = '9999_future'"
    )
    async with served_service(
        tmp_path, HEALTH_DATABASE_PERIOD=0.2, DATABASE_URL=database_url
    ) as service:
        body = await service.answers(STARTUP, 200)
        database = await service.check("database")

    assert body["gate"]["faults"] == []
    assert database["data"]["schema"]["position"] == "ahead"


async def test_a_contract_revision_that_took_away_what_is_used_keeps_the_gate_closed(
    tmp_path: Path, database_url: str
) -> None:
    await execute(
        database_url,
        "INSERT INTO ops.schema_floor (revision, requires)"
        " VALUES ('9999_contract', '9998_expand')",
    )
    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        told = await fault(service, source="database", failure="config")
        assert (await service.get(STARTUP)).status_code == 503

    assert told["kind"] == "release"
    assert "contract" in told["message"]


async def test_a_schema_that_is_behind_keeps_the_gate_closed_until_it_is_migrated(
    tmp_path: Path, postgres: EmbeddedServer
) -> None:
    async with (
        fresh_database(postgres, migrated=False) as url,
        served_service(tmp_path, **QUICK, DATABASE_URL=url) as service,
    ):
        told = await fault(service, source="database", failure="config")
        assert (told["kind"], "migrate up" in told["remedy"]) == ("release", True)
        assert (await service.get(STARTUP)).status_code == 503

        done = await pm33("migrate", "up", DATABASE_URL=url)
        assert done.code == 0, done.err

        await service.answers(STARTUP, 200)
        await service.check_becomes("database", status="healthy")


@pytest.mark.parametrize("grace", [2, pytest.param(60, marks=pytest.mark.full)])
async def test_a_refused_database_holds_the_gate_for_its_grace_and_no_longer(
    tmp_path: Path, grace: float
) -> None:
    async with served_service(
        tmp_path, DATABASE_URL=NOBODY, HEALTH_GATE_GRACE=grace
    ) as service:
        listening = time.monotonic()
        told = await fault(service, source="database", failure="refused")
        assert told["kind"] == "world"
        while (response := await service.get(STARTUP)).status_code == 503:
            assert time.monotonic() < listening + grace + 30
            await asyncio.sleep(0.05)
        opened = time.monotonic()

        # It began to count before it listened.
        assert opened - listening > grace - 2
        assert response.json()["status"] == "degraded"
        assert (await service.get("/api/health")).status_code == 503
        await logged_fault(service, "database")


async def test_a_gate_that_passed_cleanly_stays_open_when_the_database_goes(
    tmp_path: Path, postgres: EmbeddedServer, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        await service.answers(STARTUP, 200)

        await execute(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")

        await service.check_becomes("database", status="unhealthy")
        response = await service.get(STARTUP)
        assert (response.status_code, response.json()["status"]) == (200, "healthy")


@pytest.mark.parametrize(
    "host",
    [
        # The blank makes the resolver refuse the name without asking a server.
        pytest.param("no%20such%20host", id="unknown"),
        pytest.param(
            f"{'label' * 13}.example", id="impossible", marks=pytest.mark.full
        ),
    ],
)
async def test_a_host_name_that_does_not_exist_keeps_the_gate_closed_for_good(
    tmp_path: Path, host: str
) -> None:
    async with served_service(
        tmp_path,
        **QUICK,
        DATABASE_URL=f"postgresql://user:password@{host}:5432/database",
    ) as service:
        told = await fault(service, source="database", failure="dns")

        assert (told["kind"], bool(told["remedy"])) == ("release", True)
        assert (await logged_fault(service, "database"))["remedy"] == told["remedy"]
        await assert_closed_for_good(service)
        assert (await service.json(STARTUP, token=TOKEN))["restarts"] == {}


async def test_a_wrong_password_keeps_the_gate_closed(
    tmp_path: Path, postgres: EmbeddedServer, database_url: str
) -> None:
    password = postgres.url.split("@")[0].rpartition(":")[2]
    url = database_url.replace(password, "not-the-password")
    async with served_service(tmp_path, **QUICK, DATABASE_URL=url) as service:
        told = await fault(service, source="database", failure="auth")

        assert told["kind"] == "release"
        assert (await service.get(STARTUP)).status_code == 503
        assert (await logged_fault(service, "database"))["remedy"] == told["remedy"]
        assert "not-the-password" not in service.child.output()


UNUSABLE = [
    ("DATABASE_URL", "mysql://user:pass-word@host/db", "database", "postgresql"),
    ("HEALTH_DATABASE_PERIOD", "often", "HEALTH_DATABASE_PERIOD", "cannot be used"),
    ("HEALTH_EXTRA_CHECKS", "nowhere:check", "check", "cannot be imported"),
]
MORE_UNUSABLE = [
    ("DB_POOL_SIZE", "many", "DB_POOL_SIZE", "cannot be used"),
    ("ENVIRONMENT", "prodction", "ENVIRONMENT", "production"),
    ("SECRET_KEY_FILE", "/nowhere", "SECRET_KEY_FILE", "cannot be read"),
    ("PM33_MOUNT", "nowhere:app", "PM33_MOUNT", "cannot be imported"),
]


@pytest.mark.parametrize(
    ("variable", "value", "source", "said"),
    [
        *(pytest.param(*row, id=row[0]) for row in UNUSABLE),
        *(
            pytest.param(*row, id=row[0], marks=pytest.mark.full)
            for row in MORE_UNUSABLE
        ),
    ],
)
async def test_what_cannot_be_used_keeps_the_gate_closed_and_is_told(
    tmp_path: Path, variable: str, value: str, source: str, said: str
) -> None:
    async with served_service(tmp_path, **{variable: value}) as service:
        told = await fault(service, source=source, failure="config")

        assert told["kind"] == "release"
        assert said in told["message"] + told["remedy"]
        assert told["remedy"]
        assert (await service.get(STARTUP)).status_code == 503
        assert (await logged_fault(service, source))["remedy"] == told["remedy"]
        assert (await service.get("/api/health/live")).status_code == 200


async def test_a_duplicate_check_name_keeps_the_gate_closed_and_the_first_one_runs(
    tmp_path: Path,
) -> None:
    extra = Controls(tmp_path).variables("a_second_application")
    async with served_service(tmp_path, **extra) as service:
        told = await fault(service, source="check", failure="config")

        assert "application" in told["message"]
        assert (await service.get(STARTUP)).status_code == 503
        first = await service.check_becomes("application", status="healthy")
        assert "uptime_s" in first["data"]


async def test_in_production_the_faults_are_for_those_with_the_token(
    tmp_path: Path,
) -> None:
    async with served_service(
        tmp_path, ENVIRONMENT="production", DB_POOL_SIZE="many"
    ) as service:
        public = await service.get(STARTUP)
        private = await service.get(STARTUP, token=TOKEN)

    assert (public.status_code, private.status_code) == (503, 503)
    assert "DB_POOL_SIZE" not in public.text
    assert "DB_POOL_SIZE" in private.text
