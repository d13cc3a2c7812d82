import os
import subprocess
from pathlib import Path

import pytest

from app.backend.deploy.commits.repository import Repository
from tests.support.delivery import git


def repository(folder: Path, subject: str) -> Path:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)
    return folder


def named_by_git() -> list[str]:
    """Every variable of which git itself says that it belongs to one repository."""
    words = ("git", "rev-parse", "--local-env-vars")
    return subprocess.check_output(words, text=True).split()


async def test_from_a_hook_of_another_repository_it_looks_into_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = repository(tmp_path / "own", "ours")
    theirs = repository(tmp_path / "theirs", "theirs")
    head = git(own, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(theirs / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(theirs))
    monkeypatch.setenv("GIT_INDEX_FILE", str(theirs / ".git" / "index"))
    monkeypatch.setenv("GIT_PREFIX", "app/")

    checkout = Repository(own)

    assert await checkout.whole("HEAD") == head
    assert await checkout.subject(head) == "ours"


@pytest.fixture
def telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose git only tells in which environment it runs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nexec env -0\n")
    (programs / "git").chmod(0o700)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return Repository(tmp_path)


async def told(telling: Repository) -> dict[str, str]:
    said = await telling.git("status")
    pairs = (line.partition("=") for line in said.output.split("\0"))
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize(
    "name", [*named_by_git(), "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES"]
)
async def test_nothing_that_belongs_to_a_repository_is_passed_on(
    telling: Repository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")

    assert name not in await told(telling)


@pytest.mark.parametrize(
    "name", ["GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "SSH_AUTH_SOCK"]
)
async def test_what_reaches_a_remote_is_passed_on(
    telling: Repository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "known")

    found = await told(telling)

    assert (found[name], found["GIT_TERMINAL_PROMPT"]) == ("known", "0")
