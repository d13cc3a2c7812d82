"""Asks a platform, again for some time while it does not answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.backend.deploy.tools import Tools
from app.errors import PlatformUnreachableError, RateLimitedError

__all__ = ["ask"]

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds for which it is asked again; a supervisor is back within 5 s."""
LIMITED = 120.0
"""Seconds for which a limit is waited for that says when it ends; an hour is not."""
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
    enough: users wait for whoever reads the remedy. A platform that takes no more
    requests for some seconds is left alone for as long.

    Args:
        tools: measure, and say that it is asked again.
        what: is asked for, for the reader.
        call: asks once; it may safely be made twice.
        pause: waits between two calls; by default for as long as it is told.

    Raises:
        PlatformUnreachableError: nobody has answered; it may have been done.
    """
    clock = tools.clock
    began, wait = clock.time(), _FIRST_PAUSE
    while True:
        try:
            return await call()
        except PlatformUnreachableError as error:
            held = error.retry_after if isinstance(error, RateLimitedError) else 0.0
            again = wait > _FIRST_PAUSE
            late = clock.time() + held >= began + (LIMITED if held else DEADLINE)
            if late or (again and tools.deserted()):
                raise
        why = f"takes no requests for {held:.0f} s" if held else "does not answer"
        tools.say(f"{what}: the platform {why}; asking again")
        await (pause or clock.sleep)(max(wait, held))
        wait = min(2 * wait, _LONGEST_PAUSE)
