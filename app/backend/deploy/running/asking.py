"""Asks a platform, again for some time while it does not answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.backend.deploy.tools import Tools
from app.errors import PlatformUnreachableError

__all__ = ["ask"]

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds for which it is asked again; a supervisor is back within 5 s."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 4.0


async def ask(
    tools: Tools,
    what: str,
    call: Callable[[], Awaitable[T]],
    pause: Callable[[float], Awaitable[None]] | None = None,
) -> T:
    """Returns the answer.

    Where nobody is left who would bring the platform back, a second silence is
    enough: users wait for whoever reads the remedy.

    Args:
        tools: measure, and say that it is asked again.
        what: is asked for, for the reader.
        call: asks once; it may safely be made twice.
        pause: waits between two calls; by default for as long as it is told.

    Raises:
        PlatformUnreachableError: nobody has answered; it may have been done.
    """
    clock = tools.clock
    ends, wait = clock.time() + DEADLINE, _FIRST_PAUSE
    while True:
        try:
            return await call()
        except PlatformUnreachableError:
            again = wait > _FIRST_PAUSE
            if clock.time() >= ends or (again and tools.deserted()):
                raise
        tools.say(f"{what}: the platform does not answer; asking again")
        await (pause or clock.sleep)(wait)
        wait = min(2 * wait, _LONGEST_PAUSE)
