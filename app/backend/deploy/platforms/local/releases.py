"""Checkouts of commits, made by ``git archive``: no branch and no index is touched."""

import asyncio
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.commands import finished
from app.backend.deploy.platforms.local.removing import discard, remove
from app.backend.deploy.platforms.local.surroundings import (
    build_environment,
    git_environment,
)
from app.backend.deploy.platforms.settings_file import SETTINGS_FILE, read_settings
from app.errors import PlatformError

__all__ = ["Releases"]

# Git's shortest default abbreviation, SHA-1 and SHA-256. Nothing else: to `git fetch`
# a name with a colon would be an order to move the user's branches.
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_GIT_TIMEOUT: Final = 30.0
_FETCH_TIMEOUT: Final = 60.0
_UNPACK_TIMEOUT: Final = 120.0


class Releases:
    """The commits of one repository, and the folders that some are unpacked into.

    Args:
        repository: a git repository, bare or not.
        folder: takes one folder for each commit.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self._repository = repository
        self._folder = folder
        self._unpacking = asyncio.Lock()

    def path(self, commit: str) -> Path:
        """Where a commit's checkout is or would be."""
        return self._folder / commit

    def present(self, commit: str) -> bool:
        """Whether a commit's checkout is there, whole."""
        return self.path(commit).is_dir()

    async def resolve(self, commit: str) -> str:
        """The whole id of a commit; asks the remote for one that is not here.

        Raises:
            PlatformError: there is no such commit.
        """
        if _COMMIT.fullmatch(commit) is None:
            raise PlatformError(
                f"{commit} is no commit", remedy="name it by its id, 7 digits at least"
            )
        try:
            return await self._whole(commit)
        except PlatformError:
            if not await self._git("remote"):
                raise
        await self._git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--", "origin", commit),
            timeout=_FETCH_TIMEOUT,
        )
        return await self._whole(commit)

    async def settings(self, commit: str, environment: str) -> ServiceSettings:
        """What ``railway.toml`` of a commit says; the defaults where it has none.

        Raises:
            PlatformError: there is no such commit.
            ConfigError: the file cannot be used.
        """
        commit = await self.resolve(commit)
        listed = await self._git("ls-tree", "--name-only", commit, "--", SETTINGS_FILE)
        text = await self._git("show", f"{commit}:{SETTINGS_FILE}") if listed else ""
        return read_settings(text, environment)

    async def checkout(self, commit: str) -> Path:
        """Unpacks a commit unless it is there; all of it or nothing.

        Raises:
            PlatformError: git or tar refused, or the disk is full.
        """
        target = self.path(commit)
        async with self._unpacking:
            if not target.is_dir():
                await self._unpack(commit, target)
        return target

    def prune(self, keep: Collection[str]) -> None:
        """Removes every checkout whose commit is not among ``keep``, and remains."""
        for folder in self._folder.iterdir():
            if folder.name.removeprefix(".") not in keep:
                discard(folder)

    async def _unpack(self, commit: str, target: Path) -> None:
        draft = target.with_name(f".{commit}")
        archive = draft / ".archive.tar"
        await remove(draft)
        draft.mkdir(mode=0o700)
        try:
            await self._git(
                *("archive", "--format=tar", f"--output={archive}", commit),
                timeout=_UNPACK_TIMEOUT,
            )
            # The program and not the module: 3.11.2 has no extraction filters yet.
            await finished(
                ("tar", "-xf", str(archive), "-C", str(draft)),
                env=build_environment(os.environ),
                timeout=_UNPACK_TIMEOUT,
                remedy="look whether the disk is full",
            )
            archive.unlink()
            draft.rename(target)
        finally:
            await remove(draft)

    async def _whole(self, commit: str) -> str:
        why = "that is a branch or a tag"
        try:
            whole = await self._git("rev-parse", "--verify", f"{commit}^{{commit}}")
        except PlatformError as error:
            whole, why = "", str(error)
        if not whole.startswith(commit):
            raise PlatformError(
                f"the repository has no commit {commit} ({why})",
                remedy="fetch or push it first, or name another one",
            )
        return whole

    async def _git(
        self,
        *arguments: str,
        timeout: float = _GIT_TIMEOUT,  # noqa: ASYNC109 - it ends the command
    ) -> str:
        output = await finished(
            ("git", *arguments),
            env=git_environment(os.environ),
            cwd=self._repository,
            timeout=timeout,
            remedy=f"look at the repository {self._repository}",
        )
        return output.decode(errors="replace").strip()
