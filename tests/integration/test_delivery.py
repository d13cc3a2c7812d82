"""The pipeline over real processes behind a real proxy."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import Places, start
from app.backend.database.target import parse_target
from app.backend.deploy.monitor import monitor
from app.backend.deploy.records.run_state import runs_of
from app.backend.deploy.report import Ending
from app.backend.deploy.request import MonitorRequest
from app.backend.migrations.migration_manager import upgrade
from app.errors import LeaseHeldError, LeaseLostError
from tests.support.local_delivery import ENVIRONMENT, LocalDelivery, local_delivery
from tests.support.local_platform import RAILWAY_TOML, ask, deployed
from tests.support.postgres import open_home
from tests.support.scripts import SCRIPTS, ran
from tests.support.service import Finished

_RED = """
NAME = "red"
DRAIN = 0.05


def start():
    print("I shall never be well", flush=True)


async def answer(method, path, body, me):
    return (503 if path == "/health" else 200), dict(me)
"""


@pytest.fixture
async def delivery(tmp_path: Path, database_url: str) -> AsyncIterator[LocalDelivery]:
    async with local_delivery(tmp_path, database_url) as running:
        yield running


async def test_a_good_release_takes_over_and_the_journals_agree(
    delivery: LocalDelivery,
) -> None:
    await delivery.good("one")
    second = await delivery.good("two")
    assert (await ask(delivery.platform))["commit"] == second
    assert await delivery.lease_holder() is None
    assert await delivery.orphans() == []
    file, rows = await delivery.events()
    assert file == rows


async def test_a_release_that_is_never_healthy_is_withdrawn(
    delivery: LocalDelivery,
) -> None:
    first = await delivery.good("one")
    settings = RAILWAY_TOML.replace("healthcheckTimeout = 20", "healthcheckTimeout = 1")
    red = delivery.repository.commit("red", release__py=_RED, railway__toml=settings)
    report = await delivery.deploy(red)
    assert report.ending is Ending.FAILED
    assert report.exit_code == 1
    assert any("never be well" in line for line in report.log)
    assert (await ask(delivery.platform))["commit"] == first
    assert await delivery.orphans() == []


async def test_a_release_that_turns_bad_is_left_and_the_way_back_verified(
    delivery: LocalDelivery,
) -> None:
    first = await delivery.good("one")
    bad = delivery.commit("bad", spoils=True)
    deploying = asyncio.create_task(delivery.deploy(bad, bake=30.0))
    await delivery.serving(bad)
    delivery.turned_bad.touch()
    report = await deploying
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert report.exit_code == 1
    assert "HTTP 500" in report.text()
    answer = await ask(delivery.platform)
    assert answer["commit"] == first
    assert report.serves
    assert answer["deployment_id"] == report.serves.id


async def test_a_hotfix_takes_over_from_a_run_that_is_watching(
    delivery: LocalDelivery,
) -> None:
    await delivery.good("one")
    slow, hotfix = delivery.commit("two"), delivery.commit("hotfix")
    watching = asyncio.create_task(delivery.deploy(slow, bake=60.0))
    await delivery.serving(slow)
    await asyncio.sleep(0.5)
    with pytest.raises(LeaseHeldError):
        await delivery.deploy(hotfix, reason="it cannot wait", supersede=False)
    report = await delivery.deploy(hotfix, supersede=True)
    assert report.ending is Ending.DONE, report.text()
    with pytest.raises(LeaseLostError):
        await watching
    file, rows = await delivery.events()
    assert file == rows
    assert [run.outcome for run in runs_of(file)] == ["done", "superseded", "done"]


async def test_the_monitor_leaves_a_release_that_turns_bad(
    delivery: LocalDelivery,
) -> None:
    first = await delivery.good("one")
    bad = delivery.commit("bad", spoils=True)
    assert (await delivery.deploy(bad)).exit_code == 0
    request = MonitorRequest(
        environment=ENVIRONMENT, actor="test", seconds=60.0, monitor_interval=0.2
    )
    watching = asyncio.create_task(monitor(request, delivery.tools))
    await asyncio.sleep(1)
    delivery.turned_bad.touch()
    report = await watching
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert (await ask(delivery.platform))["commit"] == first


async def test_an_emergency_needs_nothing_but_the_platform(tmp_path: Path) -> None:
    """From an empty folder, with PostgreSQL stopped, without journal and rows."""
    with open_home() as home:
        server = await start(home, durable=False, places=Places(scratch=home))
        try:
            await upgrade(parse_target(SecretStr(server.url), DatabaseSettings()))
            async with local_delivery(tmp_path, server.url) as delivery:
                first = delivery.commit("one")
                await deployed(delivery.platform, first)
                second = await delivery.good("two")
                empty = tmp_path / "empty"
                empty.mkdir()
                await server.stop()
                shutil.rmtree(delivery.home / "journal")

                said = await _emergency(delivery, empty)
                assert said.code == 0, said.err
                assert said.err.startswith(
                    "environment development (from the local platform)\n"
                )
                assert Ending.RESTORED.meaning in said.out
                assert "note: unlocked" in said.out
                assert (await ask(delivery.platform))["commit"] == first

                known = {"DATABASE_URL": server.url}
                said = await _emergency(delivery, empty, "--target", second, **known)
                assert said.code == 0, said.err
                assert "note: unlocked" in said.out
                assert (await ask(delivery.platform))["commit"] == second

                server = await start(home, durable=False, places=Places(scratch=home))
                said = await _emergency(delivery, empty, "--target", first, **known)
                assert said.code == 0, said.err
                assert "unlocked" not in said.out
                file, rows = await delivery.events()
                assert file == rows
                assert [run.outcome for run in runs_of(file)][:3] == ["restored"] * 3
                assert list(empty.iterdir()) == []
        finally:
            await server.stop()


async def _emergency(
    delivery: LocalDelivery, folder: Path, *words: str, **variables: str
) -> Finished:
    """What somebody types who has a terminal, and knows where the platform is."""
    return await ran(
        *("python3", SCRIPTS / "rollback.py"),
        *("--reason", "emergency", "--strategy", "immediate", *words),
        folder=folder,
        PATH=os.environ["PATH"],
        HOME=str(folder),
        PM33_HOME=str(delivery.home),
        **variables,
    )
