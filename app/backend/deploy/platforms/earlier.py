"""That an earlier process of the same run may have asked for the same, and died.

Where a platform shows what it was asked for only after a while, whoever goes on with a
run has to look for as long before asking again: neither a deploy nor a rollback takes a
mark by which the platform itself would tell the second one from the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["asked_before", "last_asked"]

_AGO: Final[ContextVar[float | None]] = ContextVar("ago", default=None)


@contextmanager
def asked_before(ago: float) -> Iterator[None]:
    """Within it, what is asked for may have been asked for before.

    Args:
        ago: how many seconds ago at least, as far as that is known.
    """
    token = _AGO.set(ago)
    try:
        yield
    finally:
        _AGO.reset(token)


def last_asked() -> float | None:
    """Seconds since it may have been asked for; None: this is the first time."""
    return _AGO.get()
