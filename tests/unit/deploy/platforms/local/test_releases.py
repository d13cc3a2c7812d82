"""Checkouts, made of commits and removed again."""

from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.releases import Releases
from app.errors import PlatformError
from tests.support.local_platform import Repository, light_repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return light_repository(tmp_path)


@pytest.fixture
def releases(tmp_path: Path, repository: Repository) -> Releases:
    folder = tmp_path / "releases"
    folder.mkdir()
    return Releases(repository.path, folder)


async def test_a_checkout_is_the_commit_and_no_more(
    repository: Repository, releases: Releases
) -> None:
    commit = repository.commit("one", note__txt="committed")
    (repository.path / "note.txt").write_text("changed", encoding="utf-8")
    (repository.path / "stray.txt").touch()

    checkout = await releases.checkout(commit)

    names = {path.name for path in checkout.iterdir()}
    assert names == {"note.txt", "railway.toml", "release.py", "server.py"}
    assert (checkout / "note.txt").read_text(encoding="utf-8") == "committed"


async def test_a_checkout_that_was_cut_off_is_made_anew(
    repository: Repository, releases: Releases
) -> None:
    commit = repository.commit("one")
    draft = releases.path(commit).with_name(f".{commit}")
    draft.mkdir()
    (draft / "half").touch()

    assert not releases.present(commit)
    checkout = await releases.checkout(commit)

    assert not (checkout / "half").exists()
    assert not draft.exists()


async def test_an_abbreviated_commit_is_resolved(
    repository: Repository, releases: Releases
) -> None:
    commit = repository.commit("one")

    assert await releases.resolve(commit[:10]) == commit


@pytest.mark.parametrize("commit", ["0" * 40, "nothing", "--all", "HEAD", "abc123"])
async def test_a_commit_that_is_nowhere_is_refused(
    repository: Repository, releases: Releases, commit: str
) -> None:
    repository.commit("one")

    with pytest.raises(PlatformError, match="commit") as refused:
        await releases.resolve(commit)

    assert refused.value.remedy


async def test_a_commit_that_only_the_remote_has_is_fetched(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("one")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.path), str(clone))
    later = repository.commit("two")

    assert await Releases(clone, tmp_path).resolve(later) == later


async def test_pruning_leaves_what_is_kept_and_what_is_being_made(
    repository: Repository, releases: Releases
) -> None:
    old, new = repository.commit("old"), repository.commit("new")
    await releases.checkout(old)
    await releases.checkout(new)
    coming = releases.path(".coming")
    coming.mkdir()

    releases.prune({new, "coming"})

    assert not releases.present(old)
    assert releases.present(new)
    assert coming.exists()


@pytest.mark.parametrize(
    "order", ["refs/heads/main:refs/heads/y", "+main:y", "main", "a" * 41]
)
async def test_an_order_to_move_branches_is_no_commit(
    repository: Repository, tmp_path: Path, order: str
) -> None:
    repository.commit("one")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.path), str(clone))
    before = repository.git("-C", str(clone), "for-each-ref")

    with pytest.raises(PlatformError, match="is no commit"):
        await Releases(clone, tmp_path).resolve(order)

    assert repository.git("-C", str(clone), "for-each-ref") == before


async def test_a_branch_that_is_named_like_a_commit_is_none(
    repository: Repository, releases: Releases
) -> None:
    repository.commit("one")
    repository.git("branch", "deadbeef")

    with pytest.raises(PlatformError, match="no commit deadbeef"):
        await releases.resolve("deadbeef")


async def test_fetching_writes_no_tag_and_no_fetch_head(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("one")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.path), str(clone))
    later = repository.commit("two")
    repository.git("tag", "v2")

    assert await Releases(clone, tmp_path).resolve(later) == later

    assert repository.git("-C", str(clone), "tag") == ""
    assert not (clone / ".git" / "FETCH_HEAD").exists()
