"""Keeps a journal's file from growing for ever: what decides later stays in it.

One older file is kept beside it, and both are read. At every moment one of the two
holds each event that is needed: the older file gets its name while the newer one has
it still, and only then is that one replaced, each by a rename (rename(2) is atomic).
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.journal import RUNS, parsed
from app.backend.deploy.records.run_state import RunState, runs_of

__all__ = ["kept_runs", "older_file", "sync_folder", "trim"]

_GOOD = frozenset({Ending.DONE, Ending.RESTORED})


def older_file(path: Path) -> Path:
    """Where what was in a journal's file before is kept."""
    return path.with_name(f"{path.name}.1")


def kept_runs(
    runs: Sequence[RunState], sizes: Mapping[str, int], room: int
) -> frozenset[str]:
    """The runs whose events stay. Pure.

    These are all that have not ended, the newest that has come to a good end, and of
    the others the newest ones, as many as are ever looked back upon (``RUNS``), until
    the room is used up: last known good, and what is shunned, are told from those.

    Args:
        runs: the newest first.
        sizes: bytes of the events of each run.
        room: bytes that the newest runs may take.
    """
    kept = {one.run for one in runs if not one.ended}
    kept |= {one.run for one in [one for one in runs if one.outcome in _GOOD][:1]}
    for one in runs[:RUNS]:
        if room <= 0:
            break
        kept.add(one.run)
        room -= sizes[one.run]
    return frozenset(kept)


def trim(path: Path, content: bytes, room: int) -> None:
    """Replaces a journal's file, which is locked, by one with what has to stay.

    Args:
        path: the file.
        content: what is in it.
        room: see :func:`kept_runs`.

    Raises:
        OSError: it could not be done; nothing is lost, and it can be tried again.
    """
    draft, older = path.with_name(f"{path.name}.draft"), older_file(path)
    _write(draft, _kept(content, room))
    linked = path.with_name(f"{older.name}.draft")
    linked.unlink(missing_ok=True)
    linked.hardlink_to(path)
    linked.replace(older)
    # Two names of one file are not replaced by each other (rename(2)).
    linked.unlink(missing_ok=True)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Waits until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kept(content: bytes, room: int) -> bytes:
    """The lines of the runs that stay, as they are: a later release may know more."""
    lines = [line + b"\n" for line in content.split(b"\n") if line]
    events = [event for event in map(parsed, lines) if event is not None]
    kept = kept_runs(runs_of(events), _sizes(lines), room)
    return b"".join(line for line in lines if _run_of(line) in kept)


def _sizes(lines: Iterable[bytes]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for line in lines:
        sizes[_run_of(line)] += len(line)
    return sizes


def _run_of(line: bytes) -> str:
    """The run that a line is about; empty for one that cannot be read."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        return str(json.loads(line)["run"])
    return ""


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
