"""Tools that run to their end and whose output is wanted: git, tar, uv."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from app.errors import PlatformError

__all__ = ["finished"]

_LAST_WORDS = 1000
# Set where git runs a hook; they would lead it to another repository.
_MISLEADING = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}


async def finished(
    command: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 - it ends the command, and the message names it
    cwd: Path | None = None,
    remedy: str = "",
) -> bytes:
    """Runs a command and returns its stdout; it is gone when this returns.

    Raises:
        PlatformError: it is not there, failed, or took longer than ``timeout`` s; the
            message ends with the end of what it said.
    """
    name = " ".join(command[:2])
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise PlatformError(
            f"{command[0]} cannot be run: {error.strerror}",
            remedy=remedy or f"install {command[0]}",
        ) from error
    try:
        async with asyncio.timeout(timeout):
            output, said = await process.communicate()
    except TimeoutError as error:
        raise PlatformError(
            f"{name} took longer than {timeout:g} s", remedy=remedy
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        words = said.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise PlatformError(f"{name} failed: {words}", remedy=remedy)
    return output


def _environment() -> dict[str, str]:
    own = {name: text for name, text in os.environ.items() if name not in _MISLEADING}
    return {**own, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
