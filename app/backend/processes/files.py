"""Files that processes share: held by one of them, replaced as a whole."""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

__all__ = ["FileLock", "is_held", "locked", "write_private"]

_POLL: Final = 0.02


class FileLock:
    """An ``flock`` on a file: the kernel lets go of it however its holder ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock without waiting; False when somebody else holds it.

        Raises:
            OSError: the file cannot be opened or locked.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go; harmless when the lock is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file; False when that cannot be told."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        return not lock.acquire()
    except OSError:
        return False
    finally:
        lock.release()


@contextlib.asynccontextmanager
async def locked(path: Path, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109  # polled
    """Holds a file's lock for the block.

    Raises:
        TimeoutError: somebody else held it for ``timeout`` seconds.
    """
    lock = FileLock(path)
    deadline = time.monotonic() + timeout
    while not lock.acquire():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{path} is held by another process")
        await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()


def write_private(path: Path, text: str, *, durable: bool = True) -> None:
    """Replaces a file at once by one that nobody else may read.

    Args:
        path: the file.
        text: what it holds then.
        durable: outlast a power cut; without, it may be the old one or empty then.

    Raises:
        OSError: it could not be written; it is as it was, and no draft is left.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        # It may hold secrets.
        draft.unlink(missing_ok=True)
        raise
    if durable:
        _keep_entries(path.parent)


def _keep_entries(folder: Path) -> None:
    """A new name outlasts a power cut when its folder is written too (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
