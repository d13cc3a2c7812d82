"""The service itself on the simulator's ground, as Railway would run it."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.deploy.platforms.base import ServiceSettings
from tests.support.local_platform import own_repository
from tests.support.postgres import fresh_database
from tests.support.railway.containers import replica_id
from tests.support.railway.ground import GroundError
from tests.support.railway.private_network import PrivateNetwork
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.service import until

ID = "2f1c7a34-8f2e-4b4e-9f4b-6f3c2a9f7f10"
GATE = "/api/health/startup"
MIGRATE = "pm33 migrate up --phase expand"
SETTINGS = ServiceSettings(start_command="pm33 serve", draining_seconds=10, replicas=2)


async def brought_up(
    ground: RealGround, commit: str, variables: dict[str, str], said: list[str]
) -> None:
    """Migrates, starts, and waits until every replica's gate is open."""
    await ground.build(ID, commit, said.append)
    await ground.pre_deploy(ID, commit, [MIGRATE], variables, said.append)
    await ground.start(ID, commit, SETTINGS, variables, said.append, lambda *_: None)
    for number in range(SETTINGS.replicas):
        await until(partial(is_open, ground, number))


async def is_open(ground: RealGround, number: int) -> bool:
    return await ground.probe(ID, number, GATE, 10) == 200


@pytest.mark.full
async def test_the_service_is_migrated_probed_switched_to_and_drained(
    tmp_path: Path, postgres: EmbeddedServer
) -> None:
    repository = own_repository(tmp_path, "")
    commit = repository.git("rev-parse", "HEAD")
    network, said = PrivateNetwork(), list[str]()
    async with (
        fresh_database(postgres, migrated=False) as database,
        real_ground(repository.path, network=network) as ground,
    ):
        variables = {
            "DATABASE_URL": network.hide(database),
            "ENVIRONMENT": "staging",
            "PM33_LOG_FORMAT": "json",
            "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "10",
            "RAILWAY_DEPLOYMENT_ID": ID,
            "RAILWAY_ENVIRONMENT_NAME": "staging",
            "RAILWAY_GIT_COMMIT_SHA": commit,
        }
        await brought_up(ground, commit, variables, said)
        await ground.switch(ID)
        async with httpx.AsyncClient(base_url=ground.url(), trust_env=False) as http:
            seen = [(await http.get("/api/health/live")).json() for _ in range(20)]
            mine = await http.get("/api/health/startup")
        await ground.stop(ID, SETTINGS.draining_seconds)

    assert mine.status_code == 200, mine.text
    assert {(one["deployment_id"], one["commit"]) for one in seen} == {(ID, commit)}
    ids = {one["replica_id"] for one in seen}
    assert ids == {replica_id(ID, number) for number in range(SETTINGS.replicas)}
    assert sum('"phase": "stopped"' in line for line in said) == 2, said[-20:]


@pytest.mark.full
async def test_what_the_api_tells_of_the_database_leads_nowhere_outside(
    tmp_path: Path, database_url: str
) -> None:
    repository = own_repository(tmp_path, "")
    commit = repository.git("rev-parse", "HEAD")
    hidden = PrivateNetwork().hide(database_url)
    variables = {"DATABASE_URL": hidden, "ENVIRONMENT": "staging"}
    async with real_ground(repository.path) as ground:
        with pytest.raises(GroundError, match="ended with code"):
            await ground.pre_deploy(ID, commit, [MIGRATE], variables, lambda _: None)
