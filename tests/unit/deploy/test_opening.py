import os
from pathlib import Path

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.opening import (
    last_environment,
    open_platform,
    open_tools,
    platform_environment,
)
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.state import PlatformState, save_state
from app.errors import ConfigError


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


@pytest.mark.parametrize(
    ("environment", "variables"),
    [("production", {}), ("development", {"PM33_PLATFORM": "railway"})],
)
def test_railway_is_refused_with_a_remedy(
    environment: str, variables: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="Railway") as raised:
        open_platform(read_config(variables), environment)
    assert raised.value.remedy
