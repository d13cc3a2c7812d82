"""The pipeline over real processes behind a real proxy."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import Places, start
from app.backend.database.target import parse_target
from app.backend.deploy.monitor import monitor
from app.backend.deploy.planning.reverting import MIGRATION_PLAN
from app.backend.deploy.platforms.local.keeper import supervisor_of
from app.backend.deploy.platforms.local.places import Places as Home
from app.backend.deploy.records.run_state import runs_of
from app.backend.deploy.report import Ending
from app.backend.deploy.request import EMERGENCY, MonitorRequest, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.migrations.migration_manager import upgrade
from app.errors import LeaseHeldError, LeaseLostError
from tests.support.local_delivery import ENVIRONMENT, LocalDelivery, local_delivery
from tests.support.local_platform import RAILWAY_TOML, ask, deployed
from tests.support.postgres import open_home
from tests.support.scripts import SCRIPTS, ran
from tests.support.service import Finished
from tests.support.turning_bad import light

_RED = """
NAME = "red"
DRAIN = 0.05


def start():
    print("I shall never be well", flush=True)


async def answer(method, path, body, me):
    return (503 if path == "/health" else 200), dict(me)
"""

_CHECK = """
import os
import sys

sys.exit("{plan}" in os.environ and os.path.exists("{away}"))
"""
"""A pre-deploy command that has a plan to follow, and a database that may be away."""

_EMERGENCY = RollbackRequest(
    environment=ENVIRONMENT, actor="test", reason=EMERGENCY, gate_hold=0.0
)


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
    await delivery.has_said("watching dep-", times=2)
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
    await delivery.has_said(f"watching {bad[:12]}")
    delivery.turned_bad.touch()
    report = await watching
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert (await ask(delivery.platform))["commit"] == first


async def test_a_platform_that_is_being_started_again_is_waited_for(
    delivery: LocalDelivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    supervisor = supervisor_of(Home(delivery.home))
    assert supervisor is not None
    supervisor.send(signal.SIGKILL)
    report = await roll_back(_EMERGENCY, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()
    assert (await ask(delivery.platform))["commit"] == first


async def test_an_emergency_steps_around_the_plan_of_a_migration_that_is_over(
    delivery: LocalDelivery,
) -> None:
    away, platform = delivery.home / "away", delivery.platform
    epoch = await platform.epoch()
    await platform.set_variables({MIGRATION_PLAN: "0" * 64}, epoch=epoch)
    first = delivery.repository.commit(
        "one",
        release__py=light("one"),
        railway__toml=RAILWAY_TOML + 'preDeployCommand = ["python check.py"]\n',
        check__py=_CHECK.format(plan=MIGRATION_PLAN, away=away),
    )
    assert (await delivery.deploy(first)).exit_code == 0
    epoch = await platform.epoch()
    await platform.set_variables({MIGRATION_PLAN: None}, epoch=epoch)
    await delivery.good("two")
    away.touch()
    report = await roll_back(_EMERGENCY, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()
    assert any("today's" in note for note in report.notes)
    assert (await ask(platform))["commit"] == first
    assert await delivery.orphans() == []
    file, rows = await delivery.events()
    assert file == rows


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

                said = await _typed(delivery, empty)
                assert said.code == 0, said.err
                assert said.err.startswith(
                    "environment development (from the local platform)\n"
                )
                assert Ending.RESTORED.meaning in said.out
                assert "note: unlocked" in said.out
                assert (await ask(delivery.platform))["commit"] == first

                known = {"DATABASE_URL": server.url}
                said = await _typed(delivery, empty, "--target", second, **known)
                assert said.code == 0, said.err
                assert "note: unlocked" in said.out
                assert (await ask(delivery.platform))["commit"] == second

                server = await start(home, durable=False, places=Places(scratch=home))
                said = await _typed(delivery, empty, "--target", first, **known)
                assert said.code == 0, said.err
                assert "unlocked" not in said.out
                file, rows = await delivery.events()
                assert file == rows
                assert [run.outcome for run in runs_of(file)][:3] == ["restored"] * 3
                assert list(empty.iterdir()) == []
        finally:
            await server.stop()


async def _typed(
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
