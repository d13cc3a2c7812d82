"""The repository that the simulated service is connected to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["GitRepository", "InventedRepository", "Repository"]


class Repository(Protocol):
    """Where commits come from."""

    @property
    def name(self) -> str:
        """As on GitHub."""
        ...

    async def head(self) -> str:
        """The newest commit of the branch."""
        ...

    async def holds(self, commit: str) -> bool:
        """Whether there is such a commit."""
        ...

    async def settings_file(self, commit: str) -> str | None:
        """The commit's ``railway.toml``; None: it has none."""
        ...


@dataclass(slots=True)
class InventedRepository:
    """Any whole commit id is in it, but those that are missing."""

    name: str = "pm33/shop"
    newest: str = "1" * 40
    missing: set[str] = field(default_factory=set)
    settings_files: Mapping[str, str] = field(default_factory=dict)
    """By commit; "" for all others."""

    async def head(self) -> str:
        return self.newest

    async def holds(self, commit: str) -> bool:
        whole = len(commit) == len("1" * 40)
        return whole and commit not in self.missing and _is_hex(commit)

    async def settings_file(self, commit: str) -> str | None:
        return self.settings_files.get(commit, self.settings_files.get(""))


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A folder with a repository in it."""

    path: Path
    name: str = "pm33/shop"

    async def head(self) -> str:
        code, text = await self._git("rev-parse", "HEAD")
        return text.strip() if code == 0 else ""

    async def holds(self, commit: str) -> bool:
        code, _ = await self._git("cat-file", "-e", f"{commit}^{{commit}}")
        return code == 0

    async def settings_file(self, commit: str) -> str | None:
        code, text = await self._git("show", f"{commit}:railway.toml")
        return text if code == 0 else None

    async def _git(self, *words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            "git",
            *words,
            cwd=self.path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)
