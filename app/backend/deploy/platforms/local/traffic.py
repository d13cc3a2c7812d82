"""What Caddy has answered, by deployment: read from the end of its access log."""

import asyncio
import bisect
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.processes.files import write_private

__all__ = ["BOUNDS", "NOBODY", "TrafficLog"]

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram in seconds: those that Prometheus clients come with."""

NOBODY: Final = ""
"""Stands for a deployment where there was none: requests before the first switch."""

_FORMAT = 1
# About 700 lines, which take some 5 ms; in between, the loop does other things.
_PIECE = 256 * 1024
_FIRST_ERROR = 500
_MOST_DEPLOYMENTS = 64


@dataclass(slots=True)
class _Count:
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


class TrafficLog:
    """Counts each line of an access log once, across restarts and rotations.

    Where it was is kept beside what it counted, in one file that is replaced as a
    whole: a process that is killed in between counts nothing twice. Counts of the 64
    deployments that were seen last are kept. What was rotated and then deleted before
    it was read is missing.

    Args:
        access_log: Caddy's, one JSON object a line; what it was rotated to lies
            beside it.
        counters: where the counts are kept; made by the first :meth:`poll`.
    """

    def __init__(self, access_log: Path, counters: Path) -> None:
        self._log = access_log
        self._kept = counters
        self._polling = asyncio.Lock()
        self._inode, self._offset = 0, 0
        self._counts: dict[str, _Count] = {}
        # Without them, or with half of them, the whole log is counted again.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._restore(json.loads(counters.read_text(encoding="utf-8")))

    async def poll(self) -> None:
        """Reads what is new.

        Raises:
            OSError: a file cannot be read or written.
        """
        async with self._polling:
            before = self._inode, self._offset
            with contextlib.ExitStack() as opened:
                files = _open_in_order(self._log, opened)
                for inode in self._unread(list(files)):
                    if inode != self._inode:
                        self._inode, self._offset = inode, 0
                    await self._read_on(files[inode])
            if (self._inode, self._offset) != before:
                self._keep()

    def counters(self, deployment: str) -> TrafficCounters:
        """What the last :meth:`poll` knew of a deployment."""
        count = self._counts.get(deployment) or _Count()
        return TrafficCounters(
            requests=count.requests,
            errors=count.errors,
            bounds=BOUNDS,
            buckets=tuple(count.buckets),
        )

    def _unread(self, inodes: list[int]) -> list[int]:
        """From the file in which the last poll stopped; all when that is gone."""
        known = self._inode in inodes
        return inodes[inodes.index(self._inode) :] if known else inodes

    async def _read_on(self, file: BinaryIO) -> None:
        """Reads up to the last complete line: the next one is still being written."""
        if os.fstat(file.fileno()).st_size < self._offset:
            self._offset = 0  # emptied, and begun again
        file.seek(self._offset)
        while piece := file.read(_PIECE):
            whole, ended, _ = piece.rpartition(b"\n")
            if not ended and len(piece) < _PIECE:
                break
            for line in whole.split(b"\n"):
                self._count(line)
            # A line longer than a piece is none of Caddy's: passed over.
            self._offset += len(whole) + 1 if ended else len(piece)
            file.seek(self._offset)
            await asyncio.sleep(0)

    def _count(self, line: bytes) -> None:
        try:
            # Caddy that was killed within a line goes on in the middle of it.
            entry = json.loads(line[line.rfind(b'{"level":') :])
            status, duration = int(entry["status"]), float(entry["duration"])
        except (ValueError, KeyError, TypeError):
            return
        deployment = _deployment(entry)
        # To the end, so that the first one is the one not seen for longest.
        count = self._counts.pop(deployment, None) or _Count()
        self._counts[deployment] = count
        count.requests += 1
        count.errors += status == 0 or status >= _FIRST_ERROR
        count.buckets[bisect.bisect_left(BOUNDS, duration)] += 1

    def _keep(self) -> None:
        while len(self._counts) > _MOST_DEPLOYMENTS:
            self._counts.pop(next(iter(self._counts)))
        deployments = {
            name: [count.requests, count.errors, count.buckets]
            for name, count in self._counts.items()
        }
        body = {
            "format": _FORMAT,
            "bounds": BOUNDS,
            "inode": self._inode,
            "offset": self._offset,
            "deployments": deployments,
        }
        write_private(self._kept, json.dumps(body), durable=False)

    def _restore(self, body: dict[str, Any]) -> None:
        if body["format"] != _FORMAT or body["bounds"] != list(BOUNDS):
            return
        counts = {
            str(name): _Count(int(requests), int(errors), [int(one) for one in buckets])
            for name, (requests, errors, buckets) in body["deployments"].items()
        }
        inode, offset = int(body["inode"]), int(body["offset"])
        self._inode, self._offset, self._counts = inode, offset, counts


def _open_in_order(log: Path, opened: contextlib.ExitStack) -> dict[int, BinaryIO]:
    """The log's files by inode, the oldest first.

    The newest is opened first: when it is rotated meanwhile, it is found under its
    new name too, and what came after it is left to the next poll.
    """
    try:
        newest = opened.enter_context(log.open("rb"))
    except FileNotFoundError:
        return {}
    files = {os.fstat(file.fileno()).st_ino: file for file in _rotated(log, opened)}
    inode = os.fstat(newest.fileno()).st_ino
    files.pop(inode, None)
    return files | {inode: newest}


def _rotated(log: Path, opened: contextlib.ExitStack) -> Iterator[BinaryIO]:
    # Caddy puts the time before the suffix: access-2026-11-23T00-04-14.123.log.
    for path in sorted(log.parent.glob(f"{log.stem}-*{log.suffix}")):
        with contextlib.suppress(FileNotFoundError):
            yield opened.enter_context(path.open("rb"))


def _deployment(entry: dict[str, Any]) -> str:
    """The folder of the socket that was dialled, else of those to choose from."""
    dialled, active = str(entry.get("upstream", "")), str(entry.get("active", ""))
    return PurePosixPath(dialled).parent.name or PurePosixPath(active).name or NOBODY
