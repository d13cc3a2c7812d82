"""The pipeline over real processes behind a real proxy."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import Places, start
from app.backend.database.target import parse_target
from app.backend.deploy.monitor import monitor
from app.backend.deploy.report import Ending
from app.backend.deploy.request import MonitorRequest
from app.backend.deploy.run_state import runs_of
from app.backend.migrations.migration_manager import upgrade
from app.errors import LeaseHeldError, LeaseLostError
from tests.support.local_delivery import ENVIRONMENT, LocalDelivery, local_delivery
from tests.support.local_platform import RAILWAY_TOML, ask
from tests.support.postgres import open_home

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
                first = await delivery.good("one")
                await delivery.good("two")
                await server.stop()
                shutil.rmtree(delivery.home / "journal")
                report = await asyncio.to_thread(_roll_back, delivery, tmp_path)
                assert report["ending"] == "restored", report
                assert report["verdict"] == "ok"
                assert any("unlocked" in note for note in report["notes"])
                assert (await ask(delivery.platform))["commit"] == first
        finally:
            await server.stop()


def _roll_back(delivery: LocalDelivery, folder: Path) -> dict[str, Any]:
    empty = folder / "empty"
    empty.mkdir()
    command = ["rollback", "-e", ENVIRONMENT, "--reason", "emergency", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        cwd=empty,
        env={"PATH": os.environ["PATH"], **delivery.environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
