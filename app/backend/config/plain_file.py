"""Reads files that somebody has named in a variable, and that may be anything."""

import os
import stat

__all__ = ["read_start"]


def read_start(path: str, most: int) -> bytes | None:
    """The first bytes of a regular file; None: reading it might never end.

    A pipe's writer may never come, and a device may have no end.

    Args:
        path: of the file.
        most: bytes that are read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no possible path.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(opened, "rb") as file:  # noqa: PTH123 - what is open has no path
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return None
        return file.read(most)
