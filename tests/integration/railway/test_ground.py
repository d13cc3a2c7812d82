"""Real processes under the simulated platform: what they are given, and how probed."""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.support.railway.containers import replica_id
from tests.support.railway.ground import GroundError
from tests.support.railway.ground_stage import IDS, LIGHT, GroundStage, ground_stage
from tests.support.railway.private_network import POSTGRES

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOLD = """
import asyncio
import os

NAME = "told"
DRAIN = 0
SEEN = []

def start():
    pass

async def answer(method, path, body, me):
    SEEN.append(path)
    if path == "/seen":
        return 200, SEEN
    if path == "/slow":
        await asyncio.sleep(60)
    if path == "/exit":
        os._exit(int(body))
    return int(path.removeprefix("/") or 200), me
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GroundStage]:
    async with ground_stage(tmp_path_factory.mktemp("railway")) as made:
        yield made


async def test_a_release_gets_its_variables_and_nothing_of_who_deploys(
    stage: GroundStage,
) -> None:
    os.environ["OF_THE_OPERATOR"] = "hunter2"
    url = stage.network.hide("postgresql://me:secret@127.0.0.1:54321/db?x=y")
    given = {"COLOUR": "blue", "PORT": "1", "DATABASE_URL": url}
    try:
        async with stage.deployed(stage.light, variables=given) as one:
            await stage.healthy(one)
            await stage.ground.switch(one.id)
            env = (await stage.get("/env")).json()
    finally:
        del os.environ["OF_THE_OPERATOR"]

    assert url == f"postgresql://me:secret@{POSTGRES}:5432/db?x=y"
    assert env["DATABASE_URL"] == "postgresql://me:secret@127.0.0.1:54321/db?x=y"
    assert (env["COLOUR"], env["RAILWAY_DEPLOYMENT_ID"]) == ("blue", one.id)
    assert env["RAILWAY_REPLICA_ID"] == replica_id(one.id, 0)
    assert env["RAILWAY_PUBLIC_DOMAIN"] == "127.0.0.1"
    assert int(env["PORT"]) > 1
    assert not {"OF_THE_OPERATOR", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"} & env.keys()
    assert not any(name.startswith("PM33_") for name in env)
    assert "listening light" in one.lines


async def test_replicas_have_a_port_and_an_id_of_their_own(stage: GroundStage) -> None:
    async with stage.deployed(stage.light, replace(LIGHT, replicas=2)) as one:
        await stage.healthy(one, 2)
        await stage.ground.switch(one.id)
        seen = {(await stage.get()).json()["replica_id"] for _ in range(20)}

        assert len(stage.ground.pids(one.id)) == 2
    assert seen == {replica_id(one.id, 0), replica_id(one.id, 1)}
    assert one.told == [(0, "RUNNING"), (1, "RUNNING")]


async def test_a_probe_is_one_attempt_that_follows_nothing(stage: GroundStage) -> None:
    async with stage.deployed(stage.repository.commit("told", release__py=TOLD)) as one:
        await stage.healthy(one)
        probe = stage.ground.probe
        answers = [await probe(one.id, 0, f"/{code}", 5) for code in (200, 308, 503)]
        began = time.monotonic()
        slow = await probe(one.id, 0, "/slow", 0.1)
        took = time.monotonic() - began
        await stage.ground.switch(one.id)
        seen = (await stage.get("/seen")).json()

        assert (answers, slow) == ([200, 308, 503], None)
        assert took < 2
        assert [*dict.fromkeys(seen)] == ["/", "/200", "/308", "/503", "/slow", "/seen"]
        assert seen.count("/503") == seen.count("/308") == seen.count("/slow") == 1
        assert await probe(one.id, 0, None, 5) == 200
    assert await stage.ground.probe(one.id, 0, "/", 5) is None
    assert await stage.ground.probe("nobody", 0, None, 5) is None


async def test_pre_deploy_commands_run_in_turn_inside_the_private_network(
    stage: GroundStage,
) -> None:
    show = "import os; print(os.environ['URL'], 'PORT' in os.environ)"
    stage.network.hide("redis://127.0.0.1:7777", "redis.railway.internal")
    variables = {"URL": "redis://redis.railway.internal/0"}
    lines: list[str] = []

    with pytest.raises(GroundError, match="ended with code 3\nfirst\nlast words"):
        await stage.ground.pre_deploy(
            next(IDS),
            stage.light,
            [
                f'python -c "{show}" && python -c "print(1)"',
                "python -c \"print('first\\nlast words'); raise SystemExit(3)\"",
                "python -c 'print(2)'",
            ],
            variables,
            lines.append,
        )

    assert lines == ["redis://127.0.0.1:7777/0 False", "1", "first", "last words"]


async def test_what_cannot_be_had_fails_the_build(stage: GroundStage) -> None:
    with pytest.raises(GroundError, match="no commit"):
        await stage.ground.build(next(IDS), "f" * 40, lambda _: None)
