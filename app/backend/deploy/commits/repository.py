"""The git repository that releases come from; read, and never changed.

Only objects are added when a remote's commit is not here yet; no branch, no file of
the checkout and no reference is touched.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from app.errors import TargetError

__all__ = ["GitAnswer", "Repository"]

LOCAL_DEADLINE = 30.0
REMOTE_DEADLINE = 60.0
_CONFIGURED_REMOTE = "origin"
_OF_ANOTHER_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""What a hook, an alias or ``rebase --exec`` is told of the repository that it runs
for: ``git rev-parse --local-env-vars`` (git-rev-parse(1)), and what git(1) and
githooks(5) name beside it. How to reach a remote stays: ``GIT_SSH_COMMAND``,
``GIT_ASKPASS``, ``GIT_CONFIG_GLOBAL``."""


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """How a git command ended."""

    code: int
    output: str
    errors: str


class Repository:
    """A checkout, or any folder inside one.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    async def git(self, *arguments: str, deadline: float = LOCAL_DEADLINE) -> GitAnswer:
        """Runs git here, whatever repository it is told of, and asks nobody anything.

        Raises:
            TargetError: there is no git, or it did not end within ``deadline``.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                cwd=self.root,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise TargetError(
                f"git cannot be run in {self.root}: {error.strerror}",
                remedy="install git, and start in the project's checkout",
            ) from error
        try:
            async with asyncio.timeout(deadline):
                output, errors = await process.communicate()
        except TimeoutError:
            raise TargetError(
                f"git {arguments[0]} did not end within {deadline:g} s",
                remedy="name the commit with --commit",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return GitAnswer(
            process.returncode or 0,
            output.decode(errors="replace"),
            errors.decode(errors="replace").strip(),
        )

    async def whole(self, commit: str) -> str | None:
        """The whole id of a commit that is here; None when it is not, or not one."""
        answer = await self.git(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{commit}^{{commit}}",
        )
        return answer.output.strip() if answer.code == 0 else None

    async def current_branch(self) -> str | None:
        """The branch that is checked out; None when HEAD is detached."""
        answer = await self.git("symbolic-ref", "--quiet", "--short", "HEAD")
        return answer.output.strip() if answer.code == 0 else None

    async def remote_of(self, branch: str) -> str | None:
        """The remote that a branch belongs to; None when there is no remote."""
        answer = await self.git("config", "--get", f"branch.{branch}.remote")
        if answer.code == 0 and answer.output.strip() not in {"", "."}:
            return answer.output.strip()
        remotes = (await self.git("remote")).output.split()
        if _CONFIGURED_REMOTE in remotes:
            return _CONFIGURED_REMOTE
        return remotes[0] if remotes else None

    async def on_remote(self, remote: str, branch: str) -> str | None:
        """The commit that a remote's branch is at; None when it has no such branch.

        Raises:
            TargetError: the remote cannot be asked.
        """
        reference = f"refs/heads/{branch}"
        answer = await self.git(
            "ls-remote", "--", remote, reference, deadline=REMOTE_DEADLINE
        )
        if answer.code != 0:
            raise TargetError(
                f"the remote {remote} cannot be asked for {branch}",
                remedy="see whether `git ls-remote` works, or name the commit with "
                "--commit",
            )
        for line in answer.output.splitlines():
            commit, _, name = line.partition("\t")
            if name == reference:
                return commit
        return None

    async def fetch(self, remote: str, branch: str) -> None:
        """Brings a remote branch's objects here, and nothing else.

        Raises:
            TargetError: they cannot be had.
        """
        answer = await self.git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--refmap=", "--", remote, f"refs/heads/{branch}"),
            deadline=REMOTE_DEADLINE,
        )
        if answer.code != 0:
            raise TargetError(
                f"{branch} cannot be fetched from {remote}",
                remedy=f"run `git fetch {remote}` and look at what it says",
            )

    async def subject(self, commit: str) -> str:
        """The first line of a commit's message; empty when it is not here."""
        answer = await self.git("show", "--no-patch", "--format=%s", commit, "--")
        return answer.output.strip() if answer.code == 0 else ""

    async def subjects(self, before: str, after: str, limit: int = 50) -> list[str]:
        """Id and subject of what ``after`` has and ``before`` has not, newest first."""
        answer = await self.git(
            *("log", f"--max-count={limit}", "--format=%h %s"),
            *(f"{before}..{after}", "--"),
        )
        return answer.output.splitlines() if answer.code == 0 else []

    async def files(self, commit: str, folder: str, suffix: str) -> dict[str, str]:
        """The texts of a commit's files right in ``folder``, by path."""
        answer = await self.git("ls-tree", "--name-only", "-z", commit, f"{folder}/")
        names = [name for name in answer.output.split("\0") if name.endswith(suffix)]
        texts = {}
        for name in names if answer.code == 0 else ():
            shown = await self.git("show", f"{commit}:{name}")
            texts[name] = shown.output
        return texts


def _environment() -> dict[str, str]:
    known = os.environ.items()
    kept = {name: one for name, one in known if name not in _OF_ANOTHER_REPOSITORY}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
