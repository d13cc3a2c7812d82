"""The service as a release of the local platform, asked to roll itself back."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.local_platform import (
    Repository,
    deployed,
    light_repository,
    running_platform,
    short_home,
)
from tests.support.scripts import ROOT
from tests.support.service import TOKEN, until

FILES = ("railway.toml", "requirements.txt", "pyproject.toml")


def released(repository: Repository, name: str, overlap: int) -> str:
    """Commits this project as it is but for the overlap; ``name`` tells them apart."""
    path = repository.path
    for folder in ("app", "migrations"):
        shutil.copytree(
            ROOT / folder,
            path / folder,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    for file in FILES:
        shutil.copy(ROOT / file, path)
    settings = (ROOT / "railway.toml").read_text()
    changed = re.sub(r"(?<=overlapSeconds = )\d+", str(overlap), settings)
    (path / "railway.toml").write_text(changed)
    (path / "RELEASE").write_text(name)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", name)
    return repository.git("rev-parse", "HEAD")


@pytest.mark.full
@pytest.mark.parametrize("overlap", [20, 1])
async def test_a_service_rolls_itself_back_and_lives_to_tell(
    tmp_path: Path, database_url: str, overlap: int
) -> None:
    """With an overlap of a second it is asked to go before it has looked enough."""
    repository = light_repository(tmp_path)
    variables = {"DATABASE_URL": database_url, "PM33_ADMIN_TOKEN": TOKEN}
    with short_home() as home:
        async with running_platform(home, repository, variables) as platform:
            first = released(repository, "one", overlap)
            second = released(repository, "two", overlap)
            await deployed(platform, first)
            await deployed(platform, second)
            async with httpx.AsyncClient(
                base_url=await platform.url(),
                headers={"authorization": f"Bearer {TOKEN}"},
                trust_env=False,
                timeout=30,
            ) as http:
                begun = await http.post("/api/admin/rollbacks", json={})
                assert begun.status_code == 202, begun.text
                location = begun.headers["location"]
                again = await http.post("/api/admin/rollbacks", json={})
                assert again.headers["location"] == location, again.text

                async def over() -> dict[str, Any] | None:
                    body: dict[str, Any] = (await http.get(location)).json()
                    return None if body["status"] == "running" else body

                operation = await until(over, within=60)
                version = (await http.get("/api/version")).json()

    assert operation["status"] == "succeeded", json.dumps(operation, indent=2)
    assert operation["result"]["ending"] == "restored"
    assert version["commit"] == first
