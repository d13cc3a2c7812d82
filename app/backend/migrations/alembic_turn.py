"""Taking turns with Alembic, whose ``op`` and ``context`` are one for the process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import MigrationError

__all__ = ["alembic_turn"]

_TURN = threading.RLock()


@contextmanager
def alembic_turn(seconds: float = 60.0) -> Iterator[None]:
    """To be held by who runs revisions, or has them tell what they would do.

    Two threads at it would send each other's statements. The same thread may take it
    again.

    Raises:
        MigrationError: another thread has had it for that long.
    """
    if not _TURN.acquire(timeout=seconds):
        raise MigrationError(
            f"this process has been at another migration for {seconds:.0f} s",
            remedy="wait until it has ended; `pm33 migrate status` shows what runs",
        )
    try:
        yield
    finally:
        _TURN.release()
