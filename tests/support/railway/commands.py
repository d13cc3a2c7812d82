"""Pre-deploy commands: each a process of its own, with a release's variables."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.settings_file import commands_of
from tests.support.railway.containers import Container
from tests.support.railway.ground import GroundError, Write
from tests.support.railway.processes import by_line

__all__ = ["run_in_turn"]

_LAST_LINES: Final = 5
_TIMEOUT: Final = 300.0


async def run_in_turn(
    commands: Sequence[str], container: Container, write: Write
) -> None:
    """Runs them until one fails.

    Raises:
        GroundError: one of them did, or took longer than 300 s; with its last lines.
    """
    for command in commands:
        try:
            parts = commands_of(command)
        except ValueError as error:
            raise GroundError(f"the pre-deploy command: {error}") from error
        for words in parts:
            await _run(words, container, write)


async def _run(words: Sequence[str], container: Container, write: Write) -> None:
    last: deque[str] = deque(maxlen=_LAST_LINES)

    def written(line: str) -> None:
        last.append(line)
        write(line)

    try:
        child = await Child.start(
            words,
            env=container.of_command(),
            cwd=container.checkout,
            write=by_line(written),
        )
    except OSError as error:
        raise GroundError(f"the pre-deploy command cannot be run: {error}") from error
    try:
        async with asyncio.timeout(_TIMEOUT):
            code = await child.exited()
    except TimeoutError as error:
        raise GroundError(f"the pre-deploy command took {_TIMEOUT:g} s") from error
    finally:
        await child.end(0)
    if code:
        said = "\n".join(("", *last))
        raise GroundError(f"the pre-deploy command ended with code {code}{said}")
