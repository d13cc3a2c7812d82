"""``${NAME}`` in the file of declared checks, which keeps secrets out of that file."""

import re
from typing import Final

from app.backend.config.plain_file import read_start

__all__ = ["LARGEST_FILE", "REFERENCE", "referenced"]

LARGEST_FILE: Final = 1_048_576
"""Bytes of a file of declared checks."""
REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""One of them; its group is the name."""


def referenced(path: str) -> tuple[str, ...]:
    """The names that a file refers to, each once.

    None where it cannot be read: who reads the checks out of it says so.
    """
    try:
        content = read_start(path, LARGEST_FILE)
    except (OSError, ValueError):
        return ()
    text = (content or b"").decode("utf-8", "replace")
    return tuple(dict.fromkeys(REFERENCE.findall(text)))
