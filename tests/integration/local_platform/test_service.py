"""This project's own service on the local platform, with the platform's PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.backend.database.embedded import running_url
from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.processes.files import locked
from tests.support.local_platform import (
    ask,
    deployed,
    own_repository,
    running_platform,
    settled,
)
from tests.support.postgres import open_home
from tests.support.service import until

SETTINGS = """
[deploy]
startCommand = "pm33 serve"
preDeployCommand = ["pm33 migrate up --phase expand"]
healthcheckPath = "/api/health/startup"
healthcheckTimeout = 60
drainingSeconds = 10
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with open_home() as folder:
        (folder / "home").mkdir(mode=0o755)
        yield folder / "home"


async def test_it_is_migrated_serves_drains_and_outlives_a_killed_database(
    home: Path, tmp_path: Path
) -> None:
    repository = own_repository(tmp_path, SETTINGS)
    commit = repository.git("rev-parse", "HEAD")
    async with running_platform(home, repository, database=True) as platform:
        first = await deployed(platform, commit)
        url = await platform.url()
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            body = (await http.get("/api/health/detailed")).json()
            assert body["deployment_id"] == first.id
            assert body["commit"] == commit
            assert body["checks"]["database"]["status"] == "healthy"

            second = await deployed(platform, commit, tag="again")
            version = await http.get("/api/version")
            assert version.status_code == 200
            body = (await http.get("/api/health/live")).json()
            assert body["deployment_id"] == second.id

            async def removed() -> bool:
                found = await platform.deployment(first.id)
                return found.status is DeploymentStatus.REMOVED

            await until(removed)
            lines = [line.text async for line in platform.logs(first.id)]
            assert any("listening on unix:" in line for line in lines)
            assert any("draining" in line for line in lines)
            assert "stopped" in lines[-1]

            status = await platform.status()
            os.kill(status["database"]["pid"], signal.SIGKILL)

            async def healthy_again() -> bool:
                await asyncio.sleep(0.1)
                seen = (await http.get("/api/health/detailed")).json()
                return bool(seen["checks"]["database"]["status"] == "healthy") and (
                    (await platform.status())["database"]["pid"]
                    not in {None, status["database"]["pid"]}
                )

            await until(healthy_again)
            database = running_url(home)
            assert database is not None
            connection = await asyncpg.connect(database, timeout=30)
            tables = await connection.fetchval(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'ops'"
            )
            await connection.close(timeout=30)
            assert tables > 0
    assert running_url(home) is None


async def test_a_database_of_the_service_is_not_replaced_by_one_of_the_platform(
    home: Path, tmp_path: Path, database_url: str
) -> None:
    repository = own_repository(tmp_path, SETTINGS)
    commit = repository.git("rev-parse", "HEAD")
    variables = {"DATABASE_URL": database_url}
    async with running_platform(home, repository, variables, database=True) as platform:
        begun = await platform.deploy(commit, tag="one", epoch=1)
        assert (await settled(platform, begun.id)).status is DeploymentStatus.READY
        status = await platform.status()
        assert status["database"]["pid"] is None
    assert running_url(home) is None


@pytest.mark.full
async def test_a_release_comes_back_while_the_platforms_own_database_cannot_start(
    home: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.replace("phase expand", "phase expand --plan-from-env")
    repository = own_repository(tmp_path, settings)
    commit = repository.git("rev-parse", "HEAD")
    variables = {"PM33_MIGRATE_ON_DEPLOY": "expand", "HEALTH_GATE_GRACE": "1"}
    async with running_platform(home, repository, variables, database=True) as platform:
        first = await deployed(platform, commit)
        await deployed(platform, commit, tag="again")

        async def removed() -> bool:
            found = await platform.deployment(first.id)
            return found.status is DeploymentStatus.REMOVED

        await until(removed)
        # Whoever starts it takes this lock first.
        async with locked(home / "postgres.lock", 30):
            os.kill((await platform.status())["database"]["pid"], signal.SIGKILL)

            async def down() -> bool:
                return (await platform.status())["database"]["pid"] is None

            await until(down)
            back = await platform.roll_back(first.id, tag="back", epoch=1)
            done = await settled(platform, back.id)
            assert done.status is DeploymentStatus.SUCCESS, done.reason
            body = await ask(platform, "/api/health/startup")
            assert (body["deployment_id"], body["status"]) == (back.id, "degraded")

        async def healthy() -> bool:
            body = await ask(platform, "/api/health/startup")
            return body["status"] == "healthy"

        await until(healthy)
