"""``pm33 platform settings`` from outside, at the simulated Railway."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_platform import Repository, own_repository
from tests.support.railway.connected import variables_for
from tests.support.railway.instant import InstantGround
from tests.support.railway.simulator import Simulator, running

FILE = """
[deploy]
healthcheckPath = "/api/health/startup"
overlapSeconds = 20
drainingSeconds = 30
"""
SECRET = "a-secret-of-the-service"


@dataclass
class Shell:
    """In a checkout of this project, with a token of the simulated Railway."""

    railway: Simulator
    repository: Repository
    home: Path

    async def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was said on stdout."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "platform", "settings"),
            *(*words, "-e", "production"),
            cwd=self.repository.path,
            env={
                "PATH": os.environ["PATH"],
                **variables_for(self.railway, self.home),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        said = (out + err).decode()
        for secret in (SECRET, self.railway.token("project")):
            assert secret not in said
        assert "Traceback" not in said, said
        return process.returncode or 0, out.decode()

    async def json(self, *words: str) -> tuple[int, Any]:
        code, out = await self.run(*words, "--json")
        return code, json.loads(out)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with running(InstantGround(), scale=0.001) as railway:
        railway.gives(SECRET_KEY=SECRET)
        yield Shell(railway, own_repository(tmp_path, FILE), tmp_path)


@pytest.mark.full
async def test_what_differs_is_shown_by_name_with_both_values(shell: Shell) -> None:
    code, out = await shell.run("diff")
    assert code == 1
    assert "overlapSeconds: 20 is wanted, 0 is stored" in out


@pytest.mark.full
async def test_settings_are_compared_stored_and_verified(shell: Shell) -> None:
    code, told = await shell.json("diff")
    assert (code, told["same"]) == (1, False)
    names = [one["name"] for one in told["differing"]]
    assert names == ["healthcheckPath", "overlapSeconds", "drainingSeconds"]

    lost = await shell.railway.deploys(told["commit"])
    code, ran = await shell.json("verify", lost.id)
    assert (code, ran["same"], ran["deployment"]) == (1, False, lost.id)

    code, refused = await shell.json("apply")
    assert (code, refused["error"]) == (5, "Refused before it began")
    assert "--unlocked" in refused["remedy"]
    code, done = await shell.json("apply", "--unlocked")
    assert (code, done["changed"]) == (0, names)
    code, told = await shell.json("diff")
    assert (code, told["same"]) == (0, True)

    await shell.railway.deploys(told["commit"])
    code, ran = await shell.json("verify")
    assert (code, ran["same"]) == (0, True)
    assert (await shell.run("verify"))[1].count("as") == 1


@pytest.mark.full
async def test_what_was_stored_for_another_commit_alone_is_taken_away(
    shell: Shell,
) -> None:
    later = FILE + 'preDeployCommand = ["python -m a_later_tool"]\n'
    await shell.railway.deploys(shell.repository.commit("later", railway__toml=later))
    code, done = await shell.json("apply", "--unlocked")
    assert (code, "preDeployCommand" in done["changed"]) == (0, True)

    shell.repository.commit("without it", railway__toml=FILE)
    code, told = await shell.json("diff")
    assert [one["name"] for one in told["differing"]] == ["preDeployCommand"]
    assert (code, told["differing"][0]["wanted"]) == (1, [])
    code, done = await shell.json("apply", "--unlocked")
    assert (code, done["changed"]) == (0, ["preDeployCommand"])
    assert (await shell.run("diff"))[0] == 0


@pytest.mark.full
async def test_where_nothing_serves_there_is_nothing_to_verify(shell: Shell) -> None:
    code, told = await shell.json("verify")
    assert (code, told["error"]) == (5, "No such deployment")
