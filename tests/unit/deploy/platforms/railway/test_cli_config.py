"""The Railway CLI's own file, in the shapes that its releases write."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.backend.deploy.platforms.railway.cli_config import (
    CliConfig,
    Link,
    read_cli_config,
)

LINKED = {
    "projectPath": "/srv/shop",
    "name": "shop",
    "project": "p-1",
    "environment": "e-1",
    "environmentName": "production",
    "service": "s-1",
}


def stored(home: Path, body: Any) -> CliConfig:
    folder = home / ".railway"
    folder.mkdir(exist_ok=True)
    text = body if isinstance(body, str) else json.dumps(body)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return read_cli_config(home)


def test_a_login_of_today_is_read_with_its_end(tmp_path: Path) -> None:
    user = {
        "accessToken": "canary-access",
        "refreshToken": "canary-refresh",
        "tokenExpiresAt": 1_795_426_758,
    }

    found = stored(tmp_path, {"projects": {}, "user": user})

    assert found.token == SecretStr("canary-access")
    assert found.expires_at == datetime.fromtimestamp(1_795_426_758, UTC)
    assert "canary" not in repr(found)


def test_the_refresh_token_is_not_even_kept(tmp_path: Path) -> None:
    found = stored(tmp_path, {"user": {"refreshToken": "canary-refresh"}})

    assert found == CliConfig()


@pytest.mark.parametrize(
    "written",
    [1_795_426_758_000, "2026-11-23T09:39:18Z", "2026-11-23T09:39:18", 1795426758.0],
)
def test_the_end_of_a_login_is_understood_in_each_form(
    written: object, tmp_path: Path
) -> None:
    user = {"accessToken": "t", "tokenExpiresAt": written}
    expected = datetime(2026, 11, 23, 9, 39, 18, tzinfo=UTC)

    assert stored(tmp_path, {"user": user}).expires_at == expected


@pytest.mark.parametrize("written", [None, "soon", True, [], 1e300, "", -1e300])
def test_an_end_that_is_no_time_is_none(written: object, tmp_path: Path) -> None:
    user = {"accessToken": "t", "tokenExpiresAt": written}

    assert stored(tmp_path, {"user": user}).expires_at is None


def test_a_login_of_older_releases_never_ends(tmp_path: Path) -> None:
    user = {"token": "old", "accessToken": "", "tokenExpiresAt": 5}

    assert stored(tmp_path, {"user": user}) == CliConfig(token=SecretStr("old"))


def test_a_link_counts_in_its_folder_and_below(tmp_path: Path) -> None:
    projects = {"/srv/shop": LINKED, "/srv": {**LINKED, "project": "p-2"}, "/x": {}}
    found = stored(tmp_path, {"projects": projects, "user": {"token": None}})

    link = found.link(Path("/srv/shop/backend/app"))

    assert link == Link(
        project="p-1",
        project_name="shop",
        environment="e-1",
        environment_name="production",
        service="s-1",
    )
    above = found.link(Path("/srv/other"))
    assert above is not None
    assert above.project == "p-2"
    assert found.link(Path("/home")) is None
    assert found.link(Path("/x")) is None


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '"x"', "null", {"user": 3, "projects": []}, "[" * 100_000]
)
def test_a_file_that_cannot_be_read_counts_as_absent(
    body: object, tmp_path: Path
) -> None:
    assert stored(tmp_path, body) == CliConfig()


def test_no_file_and_no_regular_file_count_as_absent(tmp_path: Path) -> None:
    assert read_cli_config(tmp_path) == CliConfig()
    (tmp_path / ".railway").mkdir()
    os.mkfifo(tmp_path / ".railway" / "config.json")
    assert read_cli_config(tmp_path) == CliConfig()
