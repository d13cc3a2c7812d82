"""Opens what may be a pipe that nobody writes to."""

import errno
import os
import select
import stat
from typing import Final

__all__ = ["open_awaited"]

_PATIENCE: Final = 5.0
"""Seconds for which a writer of a named pipe is waited for."""


def open_awaited(path: str, flags: int, *, patience: float = _PATIENCE) -> int:
    """An opener for :func:`open` that does not wait for ever for a writer.

    Once somebody writes, it is read to the end, however long that takes: what a shell
    puts in the place of ``<(command)`` is as slow as the command.

    Raises:
        TimeoutError: it is a named pipe, and nobody has opened it for writing.
    """
    opened = os.open(path, flags | os.O_NONBLOCK)
    try:
        if _is_named_pipe(opened):
            _await_writer(opened, patience)
        os.set_blocking(opened, True)
    except BaseException:  # Ctrl-C while it waits, too; raised again
        os.close(opened)
        raise
    return opened


def _await_writer(opened: int, patience: float) -> None:
    waiting = select.poll()
    waiting.register(opened, select.POLLIN)
    # Hanging up tells of a writer, too: one that has come and gone (poll(2)).
    if not waiting.poll(patience * 1000):
        raise TimeoutError(errno.ETIMEDOUT, "a pipe that nobody writes to")


def _is_named_pipe(opened: int) -> bool:
    """Not one of a shell or of stdin: these live on a device of their own."""
    about = os.fstat(opened)
    if not stat.S_ISFIFO(about.st_mode):
        return False
    ends = os.pipe()
    try:
        return os.fstat(ends[0]).st_dev != about.st_dev
    finally:
        for end in ends:
            os.close(end)
