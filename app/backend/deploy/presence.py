"""Whether anybody is left who would bring a platform back that does not answer."""

from pathlib import Path

from app.backend.deploy.platforms.local.places import Places
from app.backend.processes.files import FileLock

__all__ = ["is_deserted"]


def is_deserted(home: Path) -> bool:
    """Whether the local platform of a home is down, and nobody will start it again.

    Keeper and supervisor each hold a lock as long as they live, and each starts the
    other one anew. So with either of them alive it is being started again; with both
    locks free somebody has to do that. False when it cannot be told.
    """
    places = Places(home)
    try:
        if not places.root.is_dir():
            return True
        return _is_free(places.keeper_lock) and _is_free(places.supervisor_lock)
    except OSError:
        return False


def _is_free(path: Path) -> bool:
    lock = FileLock(path)
    try:
        return lock.acquire()
    finally:
        lock.release()
