"""Writes one run after the other to a small journal, until it is killed.

::

    python -m tests.support.journal_writer PATH FULL

It says the number of each run once the last event of that is written.
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

from app.backend.deploy.records.journal import EventKind
from app.backend.deploy.records.journal_file import FileJournal
from tests.support.events import event, story

__all__ = ["OPEN"]

OPEN = "run-open"
"""The first run; it never ends."""


async def main(path: Path, full: int) -> None:
    journal = FileJournal(path, full=full)
    await journal.append(event(EventKind.BEGIN, "run", run=OPEN))
    for number in count(1):
        for one in story(f"run-{number}", number):
            await journal.append(one)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
