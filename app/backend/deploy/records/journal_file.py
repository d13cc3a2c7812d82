"""The journal as a file beside the checkout: always there, whatever else is away.

One JSON object a line, flushed to the disk before ``append`` returns. The file is only
ever added to, so nothing that was kept can be lost by writing; once it is full, it is
trimmed (:mod:`.trimming`).
"""

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.backend.deploy.records.journal import Event, merge, parsed
from app.backend.deploy.records.trimming import older_file, sync_folder, trim
from app.errors import JournalError

__all__ = ["FileJournal", "journal_path"]

LOCK_WAIT = 5.0
"""Seconds to wait for another process that is writing."""
FULL = 4_000_000
"""Bytes from which on a file is trimmed; a run takes 5 to 50 kB."""
_LOCK_POLL = 0.01
_LOG = logging.getLogger("pm33.journal")


def journal_path(home: Path, environment: str) -> Path:
    """Where the journal of an environment is, under the folder of local state."""
    return home / "journal" / f"{environment}.jsonl"


class FileJournal:
    """The events of one environment in one file, which several processes may use.

    A line that cannot be read (the last one, when a machine stopped in the middle of
    writing it) stays where it is, is counted in ``damaged``, and is passed over.

    Args:
        path: the file.
        lock_wait: seconds to wait for another process that is writing.
        full: bytes from which on the file is trimmed; half of them are then free,
            unless runs that have not ended take more.

    Attributes:
        path: the file; it and its folder come with the first event, for us alone.
        damaged: the numbers of the lines that the last reading could not understand.
    """

    def __init__(
        self, path: Path, *, lock_wait: float = LOCK_WAIT, full: int = FULL
    ) -> None:
        self.path = path
        self._lock_wait = lock_wait
        self._full = full
        self.damaged: tuple[int, ...] = ()

    async def append(self, *events: Event) -> None:
        """Adds events, and waits until the disk has them.

        Raises:
            JournalError: the file cannot be written, or another process has been
                writing for longer than ``lock_wait`` seconds.
        """
        if events:
            lines = "".join(json.dumps(event.to_dict()) + "\n" for event in events)
            await asyncio.to_thread(self._append, lines.encode("ascii"))

    async def events(self, run: str | None = None) -> tuple[Event, ...]:
        """The events of a run, or all that are left; none where there is no file.

        Raises:
            JournalError: the file cannot be read.
        """
        older, content = await asyncio.to_thread(self._read)
        cut_off = filter(None, map(parsed, older.split(b"\n")))
        events = [event for event in cut_off if run in {None, event.run}]
        damaged: list[int] = []
        for number, line in enumerate(content.split(b"\n"), start=1):
            if not line:
                continue
            event = parsed(line)
            if event is None:
                damaged.append(number)
            elif run is None or event.run == run:
                events.append(event)
        self.damaged = tuple(damaged)
        return merge(events)

    def _append(self, lines: bytes) -> None:
        try:
            is_new = not self.path.exists()
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with _opened(self.path, flags, fcntl.LOCK_EX, self._lock_wait) as file:
                if _is_torn(file):
                    lines = b"\n" + lines
                _write(file, lines)
                os.fsync(file)
                self._trim(file)
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise _unusable(self.path, "written", error) from error

    def _trim(self, file: int) -> None:
        """When it is full; what was to be written is there, whatever comes of it."""
        if os.fstat(file).st_size < self._full:
            return
        try:
            trim(self.path, _content(file), self._full // 2)
        except OSError as error:
            _LOG.warning("the journal %s is not trimmed: %s", self.path, error.strerror)

    def _read(self) -> tuple[bytes, bytes]:
        """What was cut off, and what is in the file; the lock keeps them together."""
        older = older_file(self.path)
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC
            with _opened(self.path, flags, fcntl.LOCK_SH, self._lock_wait) as file:
                return _content_of(older), _content(file)
        except FileNotFoundError:
            return _content_of(older), b""
        except OSError as error:
            raise _unusable(self.path, "read", error) from error


@contextmanager
def _opened(path: Path, flags: int, lock: int, wait: float) -> Iterator[int]:
    """The file that has this name once it is locked: it may have been trimmed."""
    ends = time.monotonic() + wait
    while True:
        file = os.open(path, flags, 0o600)
        try:
            _lock(file, lock, ends)
            if _is_at(path, file):
                yield file
                return
        finally:
            os.close(file)


def _lock(file: int, lock: int, ends: float) -> None:
    while True:
        try:
            fcntl.flock(file, lock | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > ends:
                raise TimeoutError("another process keeps it locked") from error
            time.sleep(_LOCK_POLL)
        else:
            return


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _content(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        return stream.read()


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _is_torn(file: int) -> bool:
    """Whether somebody died in the middle of the last line."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _write(file: int, lines: bytes) -> None:
    written = os.write(file, lines)
    while written < len(lines):  # a full disk says so at the second attempt
        written += os.write(file, lines[written:])


def _unusable(path: Path, what: str, error: OSError) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be {what}: {error.strerror or error}",
        remedy="see who owns it and whether the disk is full, or point PM33_HOME"
        " to another folder",
    )
