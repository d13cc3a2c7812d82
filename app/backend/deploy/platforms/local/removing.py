"""Folders that are not wanted any more; they may be large, and nobody waits."""

import asyncio
import secrets
import shutil
from functools import partial
from pathlib import Path
from typing import Final

__all__ = ["discard", "remove"]

_GONE: Final = ".gone-"


def discard(folder: Path) -> None:
    """Takes a folder away at once; what was in it is removed in a thread.

    One that a process's end has left half removed is gone on with.
    """
    if not folder.name.startswith(_GONE):
        gone = folder.with_name(f"{_GONE}{secrets.token_hex(4)}")
        try:
            folder.rename(gone)
        except OSError:
            return  # it is tried again the next time
        folder = gone
    work = partial(shutil.rmtree, folder, ignore_errors=True)
    asyncio.get_running_loop().run_in_executor(None, work)


async def remove(folder: Path) -> None:
    """Removes a folder if it is there, as far as that can be done."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
