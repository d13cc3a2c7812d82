"""Tools that run to their end and whose output is wanted: git, tar, uv."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from app.backend.deploy.platforms.local.children import Child
from app.backend.processes import spawn
from app.errors import PlatformError

__all__ = ["finished"]

_LAST_WORDS = 1000


async def finished(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - it ends the command, and the message names it
    cwd: Path | None = None,
    remedy: str = "",
) -> bytes:
    """Runs a command and returns its stdout.

    It and all that it has started are gone when this returns, or this process dies.

    Args:
        command: a program and its arguments; messages name it by the first of these
            that is no option.
        env: its whole environment, by whose ``PATH`` it is found.
        timeout: seconds until it is killed.
        cwd: where it runs; None: here.
        remedy: for what is not its absence.

    Raises:
        PlatformError: it is not there, failed, or took longer than ``timeout`` s; the
            message ends with the end of what it said.
    """
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        raise PlatformError(
            f"there is no {command[0]} on the PATH", remedy=f"install {command[0]}"
        )
    name = _name(command)
    # Files and not pipes: what it has started may hold a pipe open when it has ended.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        try:
            child = Child.of(
                spawn(
                    (program, *command[1:]),
                    death_signal=signal.SIGKILL,
                    cwd=cwd,
                    output=output.fileno(),
                    errors=said.fileno(),
                    env=env,
                )
            )
        except OSError as error:
            raise PlatformError(
                f"{name} cannot be run: {error.strerror or error}", remedy=remedy
            ) from error
        try:
            async with asyncio.timeout(timeout):
                code = await child.exited()
        except TimeoutError as error:
            raise PlatformError(
                f"{name} took longer than {timeout:g} s", remedy=remedy
            ) from error
        finally:
            await child.end(0)
        if code:
            words = _end_of(said) or f"it ended with code {code} and said nothing"
            raise PlatformError(f"{name} failed: {words}", remedy=remedy)
        output.seek(0)
        return output.read()


def _name(command: Sequence[str]) -> str:
    words = (word for word in command[1:] if not word.startswith("-"))
    return " ".join((Path(command[0]).name, *list(words)[:1]))


def _end_of(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_WORDS))
    return file.read().decode(errors="replace").strip()
