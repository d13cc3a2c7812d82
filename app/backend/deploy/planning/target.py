"""What is meant: which environment, which platform, which commit (contract §6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from app.backend.config.environment import Config, Environment
from app.backend.deploy.commits.repository import Repository
from app.errors import TargetError

__all__ = [
    "Chosen",
    "Release",
    "choose_environment",
    "choose_platform",
    "resolve_release",
]

_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")
_CHOICES = ", ".join(Environment)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice, and where it came from; both belong into the first line of output."""

    value: str
    source: str

    @override
    def __str__(self) -> str:
        return f"{self.value} (from {self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A commit that can be deployed.

    Attributes:
        commit: the whole id.
        branch: the branch that it was found by; None: it was named itself.
        source: how it was found, for the reader.
    """

    commit: str
    subject: str
    branch: str | None
    source: str


def choose_environment(
    flag: str | None,
    environ: Mapping[str, str],
    *,
    told: tuple[str, str] | None = None,
    last: str | None = None,
    platform: str | None = None,
) -> Chosen:
    """The flag, else ``ENVIRONMENT``, else what Railway, a run or a platform tells.

    Args:
        flag: of the command line.
        environ: the process's variables.
        told: the environment that Railway's token or link belongs to, and which.
        last: that a run was made in, for a rollback and the monitor; a deploy and a
            validation do not guess.
        platform: that the local platform runs; for the same two.

    Raises:
        TargetError: none of them says, or it is no environment.
    """
    candidates = (
        (flag, "--environment"),
        (environ.get("ENVIRONMENT"), "ENVIRONMENT"),
        told or (None, ""),
        (last, "the last run"),
        (platform, "the local platform"),
    )
    for value, source in candidates:
        if value and value.strip():
            return Chosen(_environment(value.strip().lower(), source), source)
    raise TargetError(
        "which environment is meant is not said",
        remedy=f"name one with --environment: {_CHOICES}",
    )


def choose_platform(config: Config, environment: str) -> Chosen:
    """``PM33_PLATFORM``, else ``local`` for development and ``railway`` otherwise."""
    named = config.deployment.platform
    if named is not None:
        return Chosen(named, "PM33_PLATFORM")
    if environment == Environment.DEVELOPMENT:
        return Chosen("local", "development")
    return Chosen("railway", environment)


async def resolve_release(
    repository: Repository, *, branch: str | None = None, commit: str | None = None
) -> Release:
    """The commit that is to be deployed; neither branch nor checkout is touched.

    A branch is what the remote says it is, since that is what everybody else means by
    it. A branch that is something else here is refused: one of the two would be a
    surprise. Without a remote, the branch here is meant.

    Args:
        repository: where the commit is, or can be fetched to.
        branch: by default the one that is checked out; a detached HEAD is a commit.
        commit: whole, or as many digits as make it unique.

    Raises:
        TargetError: it cannot be told which commit is meant, or it cannot be had.
    """
    if branch and commit:
        raise TargetError(
            "a branch and a commit are two targets",
            remedy="give one of --branch and --commit",
        )
    if commit:
        return await _named(repository, commit)
    branch = branch or await repository.current_branch()
    if branch is None:
        return await _head(repository)
    return await _branch(repository, branch)


def _environment(value: str, source: str) -> str:
    try:
        return Environment(value)
    except ValueError:
        raise TargetError(
            f"{source} names the environment {value!r}, which there is not",
            remedy=f"name one of {_CHOICES}",
        ) from None


async def _named(repository: Repository, commit: str) -> Release:
    if not _COMMIT.fullmatch(commit):
        raise TargetError(
            f"{commit!r} is no commit id",
            remedy="name a branch with --branch, or give the id from `git log`",
        )
    whole = await repository.whole(commit)
    # rev-parse finds a branch that is called like a commit, too.
    if whole is None or not whole.startswith(commit.lower()):
        raise TargetError(
            f"{commit} is not in {repository.root}, or begins several commits",
            remedy="fetch it, or give more digits of it",
        )
    return await _release(repository, whole, None, "--commit")


async def _head(repository: Repository) -> Release:
    whole = await repository.whole("HEAD")
    if whole is None:
        raise TargetError(
            f"{repository.root} holds no commit",
            remedy="start in the project's checkout",
        )
    return await _release(repository, whole, None, "the detached HEAD")


async def _branch(repository: Repository, branch: str) -> Release:
    here = await repository.whole(f"refs/heads/{branch}")
    remote = await repository.remote_of(branch)
    if remote is None:
        if here is None and await repository.whole("HEAD") is None:
            raise TargetError(
                f"{repository.root} has no commit yet", remedy="commit something first"
            )
        if here is None:
            raise TargetError(
                f"there is no branch {branch}", remedy="`git branch` lists them"
            )
        return await _release(repository, here, branch, "here; there is no remote")
    there = await repository.on_remote(remote, branch)
    if there is None:
        raise TargetError(
            f"the remote {remote} has no branch {branch}",
            remedy=f"push it, or deploy its commit with --commit {here or ''}".strip(),
        )
    if here is not None and here != there:
        raise TargetError(
            f"{branch} is {here} here and {there} on {remote}",
            remedy="push or pull, or name the one that is meant with --commit",
        )
    if await repository.whole(there) is None:
        await repository.fetch(remote, branch)
    return await _release(repository, there, branch, remote)


async def _release(
    repository: Repository, commit: str, branch: str | None, source: str
) -> Release:
    return Release(
        commit=commit,
        subject=await repository.subject(commit),
        branch=branch,
        source=source,
    )
