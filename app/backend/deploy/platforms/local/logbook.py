"""What a deployment has written: one JSON object a line, read back from the end."""

import asyncio
import itertools
import json
import logging
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import LogLine

__all__ = ["Logbook"]

logger = logging.getLogger("pm33.platform")

_LONGEST_LINE: Final = 16_384
_FULL: Final = 8_000_000
_PIECE: Final = 65_536
_POLL: Final = 0.1


class Logbook:
    """One deployment's ``log.jsonl``; the half before the newest is ``log.1.jsonl``.

    Args:
        path: the file.
        clean: what every line goes through before it is kept.
    """

    def __init__(self, path: Path, clean: Callable[[str], str] = str) -> None:
        self._path = path
        self._clean = clean
        self._failing = False

    def write(self, replica: str, text: str) -> None:
        """Appends what was written, line by line; an overlong line is cut.

        On a disk that is full the lines are lost: a release serves without a log.
        """
        at = datetime.now(UTC).isoformat()
        cleaned = (self._clean(line) for line in text.splitlines())
        lines = [
            json.dumps({"at": at, "replica": replica, "text": line[:_LONGEST_LINE]})
            for line in cleaned
        ]
        try:
            self._append(lines)
        except OSError as error:
            if not self._failing:
                logger.warning("%s loses lines: %s", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False

    def _append(self, lines: list[str]) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            size = file.tell()
        if size > _FULL:
            self._path.replace(self._older)

    def tail(self, limit: int) -> list[LogLine]:
        """The newest lines, the oldest of them first."""
        newest = itertools.chain(_backwards(self._path), _backwards(self._older))
        lines = (line for raw in newest if (line := _parsed(raw)) is not None)
        return list(itertools.islice(lines, limit))[::-1]

    async def read(
        self, limit: int, *, follow: bool, ended: Callable[[], bool]
    ) -> AsyncGenerator[LogLine, None]:
        """The newest lines, then new ones until ``ended`` and nothing is left."""
        offset = self._path.stat().st_size if self._path.exists() else 0
        for line in self.tail(limit):
            yield line
        while follow:
            last = ended()
            if _size(self._path) < offset:
                offset = 0
            text, offset = _read(self._path, offset)
            for raw in text.splitlines():
                if (new := _parsed(raw)) is not None:
                    yield new
            if last:
                return
            await asyncio.sleep(_POLL)

    @property
    def _older(self) -> Path:
        return self._path.with_name("log.1.jsonl")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, offset: int) -> tuple[str, int]:
    """The whole lines behind an offset, and the offset behind those."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return "", offset
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode(errors="replace"), offset + len(whole)


def _backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, the last one first, read as far as somebody asks."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        left, rest = file.seek(0, os.SEEK_END), b""
        while left:
            size = min(_PIECE, left)
            left -= size
            file.seek(left)
            rest, *whole = (file.read(size) + rest).split(b"\n")
            yield from reversed(whole)
        yield rest


def _parsed(raw: str | bytes) -> LogLine | None:
    try:
        body = json.loads(raw)
        at = datetime.fromisoformat(body["at"])
        return LogLine(at, body["replica"], body["text"])
    except (ValueError, KeyError, TypeError):
        return None  # torn by a SIGKILL
