import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.opening import (
    checkout,
    last_environment,
    open_platform,
    open_tools,
    platform_environment,
)
from app.backend.deploy.platforms.local.control import ControlServer
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.sockets import make_run_dir
from app.backend.deploy.platforms.local.state import PlatformState, save_state
from app.errors import PreflightError
from tests.support.local_platform import short_home


def test_the_last_environment_is_the_one_whose_journal_was_written_to_last(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    for age, name in enumerate(("staging", "production", "development")):
        path = folder / f"{name}.jsonl"
        path.touch()
        os.utime(path, ns=(10**9 - age, 10**9 - age))
    (folder / "notes.txt").touch()

    assert last_environment(tmp_path) == "staging"


def test_without_a_journal_there_is_no_last_environment(tmp_path: Path) -> None:
    assert last_environment(tmp_path) is None
    (tmp_path / "journal").mkdir()
    assert last_environment(tmp_path) is None


def test_a_local_platform_tells_the_environment_that_it_runs(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert platform_environment(tmp_path) is None
    places.make()
    save_state(places.state, PlatformState(repository="/r", environment="staging"))
    assert platform_environment(tmp_path) == "staging"
    places.state.write_text("torn", encoding="utf-8")
    assert platform_environment(tmp_path) is None


def test_commits_come_from_the_checkout_around_or_else_from_this_project(
    tmp_path: Path,
) -> None:
    inside = tmp_path / "shop" / "deep"
    inside.mkdir(parents=True)
    assert (checkout(inside) / "scripts").is_dir()
    # A worktree has a file in place of the folder.
    (tmp_path / "shop" / ".git").touch()
    assert checkout(inside) == tmp_path / "shop"


@pytest.mark.parametrize(
    ("environment", "variables"),
    [
        ("development", {}),
        ("production", {"PM33_PLATFORM": "local"}),
    ],
)
async def test_the_local_platform_is_opened_without_being_asked(
    environment: str, variables: dict[str, str], tmp_path: Path
) -> None:
    config = read_config({"PM33_HOME": str(tmp_path), **variables})
    platform = open_platform(config, environment)

    assert platform.name == "local"
    async with open_tools(config, environment, say=print) as tools:
        assert tools.environment == environment
        assert (tools.repository.root / "scripts").is_dir()


def home_of(environment: str, home: Path) -> dict[str, str]:
    """A platform has been set up in this home."""
    places = Places(home)
    places.make()
    state = PlatformState(repository="/r", environment=environment)
    save_state(places.state, state)
    return {"PM33_HOME": str(home), "PM33_PLATFORM": "local"}


async def test_the_platform_of_one_environment_does_not_obey_another(
    tmp_path: Path,
) -> None:
    config = read_config(home_of("development", tmp_path))

    with pytest.raises(PreflightError) as refused:
        async with open_tools(config, "production", say=print):
            pass

    assert refused.value.exit_code == 5
    assert "runs development, not production" in str(refused.value)
    assert "-e development" in refused.value.remedy
    assert "PM33_HOME" in refused.value.remedy
    assert open_platform(config, "development").name == "local"


async def opened(home: Path, *statuses: Mapping[str, Any]) -> list[str]:
    """What is said while the tools are opened and the platform tells these in turn."""
    said: list[str] = []
    left = list(statuses)

    async def status(_: Mapping[str, Any]) -> dict[str, Any]:
        database = left.pop(0) if len(left) > 1 else left[0]
        return {"database": {"problem": None, **database}, "repository": ""}

    server = ControlServer(make_run_dir(home) / "control.sock", {"status": status})
    await server.open()
    try:
        config = read_config(home_of("development", home))
        async with asyncio.timeout(30):
            async with open_tools(config, "development", say=said.append):
                pass
    finally:
        await server.close()
    assert len(left) == 1
    return said


async def test_the_platforms_own_database_is_waited_for_while_it_is_being_started() -> (
    None
):
    with short_home() as home:
        starting = {"starting": True}
        said = await opened(home, starting, starting, {"starting": False})

    assert said == ["the platform's database is being started; waiting for it"]


@pytest.mark.parametrize(
    "database", [{}, {"starting": False}, {"starting": True, "problem": "no disk"}]
)
async def test_a_database_that_will_not_come_is_not_waited_for(
    database: dict[str, Any],
) -> None:
    with short_home() as home:
        assert await opened(home, database) == []


@pytest.mark.parametrize(
    ("environment", "variables"),
    [("production", {}), ("development", {"PM33_PLATFORM": "railway"})],
)
async def test_what_runs_on_railway_is_opened_without_asking_anybody(
    environment: str, variables: dict[str, str]
) -> None:
    platform = open_platform(read_config(variables), environment)
    requests = await platform.requests()
    await platform.close()
    assert platform.name == "railway"
    assert requests is not None
    assert requests.made == 0
