"""What a deployment has written: one JSON object a line, read back from the end."""

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import LogLine

__all__ = ["Logbook"]

_LONGEST_LINE: Final = 16_384
_FULL: Final = 8_000_000
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

    def write(self, replica: str, text: str) -> None:
        """Appends what was written, line by line; an overlong line is cut.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        at = datetime.now(UTC).isoformat()
        lines = [
            json.dumps({"at": at, "replica": replica, "text": self._clean(line)})
            for line in text[:_LONGEST_LINE].splitlines()
        ]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            size = file.tell()
        if size > _FULL:
            self._path.replace(self._older)

    def tail(self, limit: int) -> list[LogLine]:
        """The newest lines, the oldest of them first."""
        lines: deque[LogLine] = deque(maxlen=limit)
        for path in (self._older, self._path):
            lines.extend(_parsed(_read(path, 0)[0]))
        return list(lines)

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
            for line in _parsed(text):
                yield line
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


def _parsed(text: str) -> list[LogLine]:
    lines = []
    for raw in text.splitlines():
        try:
            body = json.loads(raw)
            at = datetime.fromisoformat(body["at"])
            lines.append(LogLine(at, body["replica"], body["text"]))
        except (ValueError, KeyError, TypeError):
            continue  # torn by a SIGKILL
    return lines
