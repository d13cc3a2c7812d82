from pathlib import Path

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.planning.target import (
    choose_environment,
    choose_platform,
    resolve_release,
)
from app.errors import TargetError
from tests.support.delivery import git


class Clones:
    """A remote, and a clone of it."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote"
        self.remote.mkdir()
        git(self.remote, "init", "--quiet", "--initial-branch=main")
        self.first = self.commit(self.remote, "first")
        git(folder, "clone", "--quiet", str(self.remote), "clone")
        self.clone = folder / "clone"
        self.repository = Repository(self.clone)

    def commit(self, where: Path, name: str) -> str:
        git(where, "commit", "--quiet", "--allow-empty", "-m", name)
        return git(where, "rev-parse", "HEAD")


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    return Clones(tmp_path)


def test_the_flag_beats_the_variable_and_the_variable_the_last_run() -> None:
    environ = {"ENVIRONMENT": "staging"}
    flagged = choose_environment("production", environ, last="development")
    assert str(flagged) == "production (from --environment)"
    told = choose_environment(None, environ, last="development")
    assert (told.value, told.source) == ("staging", "ENVIRONMENT")
    run = choose_environment(None, {}, last="staging", platform="development")
    assert (run.value, run.source) == ("staging", "the last run")
    here = choose_environment(None, {}, platform="development")
    assert str(here) == "development (from the local platform)"


def test_railways_token_or_link_tells_before_the_last_run() -> None:
    told = ("staging", "RAILWAY_TOKEN")
    found = choose_environment(None, {}, told=told, last="production")
    assert str(found) == "staging (from RAILWAY_TOKEN)"
    named = choose_environment(None, {"ENVIRONMENT": "production"}, told=told)
    assert named.source == "ENVIRONMENT"


def test_an_environment_that_nobody_names_is_a_usage_error_with_the_choices() -> None:
    with pytest.raises(TargetError) as refused:
        choose_environment(None, {"ENVIRONMENT": " "})
    assert refused.value.exit_code == 2
    assert "development, staging, production" in refused.value.remedy
    with pytest.raises(TargetError, match="'prod'"):
        choose_environment("prod", {})


@pytest.mark.parametrize(
    ("environment", "named", "platform"),
    [
        ("development", None, "local"),
        ("staging", None, "railway"),
        ("production", None, "railway"),
        ("production", "local", "local"),
    ],
)
def test_development_is_local_and_everything_else_railway_unless_told(
    environment: str, named: str | None, platform: str
) -> None:
    config = read_config({"PM33_PLATFORM": named} if named else {})
    assert choose_platform(config, environment).value == platform


async def test_a_branch_is_what_the_remote_says(clones: Clones) -> None:
    release = await resolve_release(clones.repository, branch="main")
    assert (release.commit, release.branch) == (clones.first, "main")
    assert (release.subject, release.source) == ("first", "origin")


async def test_by_default_the_branch_that_is_checked_out_is_meant(
    clones: Clones,
) -> None:
    release = await resolve_release(clones.repository)
    assert release.branch == "main"


async def test_a_branch_that_differs_here_is_refused_with_both_commits(
    clones: Clones,
) -> None:
    here = clones.commit(clones.clone, "not pushed")
    with pytest.raises(TargetError) as refused:
        await resolve_release(clones.repository, branch="main")
    assert here in str(refused.value)
    assert clones.first in str(refused.value)


async def test_what_only_the_remote_has_is_fetched_and_nothing_else_changes(
    clones: Clones,
) -> None:
    git(clones.remote, "checkout", "--quiet", "-b", "feature/new")
    there = clones.commit(clones.remote, "theirs")
    before = git(clones.clone, "for-each-ref"), git(clones.clone, "status")
    release = await resolve_release(clones.repository, branch="feature/new")
    assert (release.commit, release.subject) == (there, "theirs")
    assert (git(clones.clone, "for-each-ref"), git(clones.clone, "status")) == before
    assert not (clones.clone / ".git" / "FETCH_HEAD").exists()


async def test_a_branch_that_the_remote_has_not_is_refused(clones: Clones) -> None:
    git(clones.clone, "checkout", "--quiet", "-b", "mine")
    with pytest.raises(TargetError, match="has no branch mine") as refused:
        await resolve_release(clones.repository)
    assert f"--commit {clones.first}" in refused.value.remedy


async def test_without_a_remote_the_branch_here_is_meant(clones: Clones) -> None:
    release = await resolve_release(Repository(clones.remote), branch="main")
    assert release.commit == clones.first
    assert "no remote" in release.source


async def test_a_remote_that_cannot_be_asked_is_said(clones: Clones) -> None:
    git(clones.clone, "remote", "set-url", "origin", str(clones.remote / "gone"))
    with pytest.raises(TargetError, match="cannot be asked"):
        await resolve_release(clones.repository, branch="main")


async def test_a_detached_head_means_its_commit(clones: Clones) -> None:
    git(clones.clone, "checkout", "--quiet", "--detach")
    release = await resolve_release(clones.repository)
    assert (release.commit, release.branch) == (clones.first, None)


async def test_an_abbreviated_commit_is_made_whole(clones: Clones) -> None:
    release = await resolve_release(clones.repository, commit=clones.first[:9])
    assert release.commit == clones.first


@pytest.mark.parametrize("commit", ["0000000", "main", "--help", "abc", "HEAD"])
async def test_what_is_no_commit_is_refused(clones: Clones, commit: str) -> None:
    with pytest.raises(TargetError):
        await resolve_release(clones.repository, commit=commit)


async def test_a_branch_called_like_a_commit_is_not_taken_for_one(
    clones: Clones,
) -> None:
    git(clones.clone, "branch", "abcd1234")
    with pytest.raises(TargetError):
        await resolve_release(clones.repository, commit="abcd1234")


async def test_a_branch_and_a_commit_are_two_targets(clones: Clones) -> None:
    with pytest.raises(TargetError, match="two targets"):
        await resolve_release(clones.repository, branch="main", commit=clones.first)


async def test_a_folder_without_a_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        await resolve_release(Repository(tmp_path))


async def test_a_repository_without_a_commit_asks_for_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    with pytest.raises(TargetError, match="has no commit yet") as refused:
        await resolve_release(Repository(tmp_path))
    assert refused.value.remedy == "commit something first"
