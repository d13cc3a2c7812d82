"""Files that hold what a writer has to write."""

import os
from pathlib import Path

__all__ = ["assert_golden"]


def assert_golden(file: Path, written: bytes) -> None:
    """Compares, byte for byte.

    With ``GOLDEN=write`` in the environment the file is made from what was written,
    for somebody to read before it is committed.
    """
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(written)
    assert written == file.read_bytes(), f"{file.name} is otherwise"
