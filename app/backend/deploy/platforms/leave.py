"""Leave to change something, asked for once more just before it is sent.

One call of a platform's may look and change several times, and take longer than what
is left of a lease. A platform that cannot be fenced therefore asks before each change
(contract §4), and not only its caller before the call.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["Leave", "have_leave", "under"]

Leave = Callable[[], Awaitable[float]]
"""Returns the seconds that a change may take; raises LeaseLostError: none at all."""

_LEAVE: Final[ContextVar[Leave | None]] = ContextVar("leave", default=None)


@contextmanager
def under(leave: Leave) -> Iterator[None]:
    """Whatever is changed within it, by this task or one that it starts, asks first."""
    token = _LEAVE.set(leave)
    try:
        yield
    finally:
        _LEAVE.reset(token)


async def have_leave() -> float:
    """Seconds that a change may take now; infinite where nobody has to be asked.

    Raises:
        LeaseLostError: somebody else acts; nothing is to be sent.
    """
    leave = _LEAVE.get()
    return math.inf if leave is None else await leave()
