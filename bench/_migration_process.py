"""A command of Python's as users run it: in a process of its own."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from app.errors import OpsError
from bench._servers import environment

__all__ = ["run_python"]

_DEADLINE: Final = 300.0
_TOLD: Final = 800


async def run_python(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    expected: Collection[int] = (0,),
) -> str:
    """Runs a module, and returns what it printed.

    Args:
        command: the module and its arguments.
        folder: to run it in, and to import from.
        variables: of its environment.
        expected: how it may end.

    Raises:
        OpsError: it ended otherwise.
        TimeoutError: it did not end within five minutes.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        cwd=folder,
        env=environment(**variables) | {"PYTHONPATH": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_DEADLINE):
            told, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode not in expected:
        raise OpsError(
            f"{' '.join(command)} ended with {process.returncode}",
            remedy=(told + errors).decode(errors="replace")[-_TOLD:],
        )
    return told.decode()
