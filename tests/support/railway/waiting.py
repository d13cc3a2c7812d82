"""Waits for a condition, never for a time."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["until"]

T = TypeVar("T")

_DEADLINE: Final = 30.0
_STEP: Final = 0.005


async def until(
    look: Callable[[], T], holds: Callable[[T], bool], deadline: float = _DEADLINE
) -> T:
    """What is seen once the condition holds.

    Raises:
        TimeoutError: it does not within ``deadline`` seconds; with what was seen last.
    """
    end = time.monotonic() + deadline
    while not holds(seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"still {seen} after {deadline:g} s")
        await asyncio.sleep(_STEP)
    return seen
