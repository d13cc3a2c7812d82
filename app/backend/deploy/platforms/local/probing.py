"""One GET over a unix socket, with nothing but the standard library."""

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from typing_extensions import override

__all__ = ["Answer", "exchange", "get", "listens"]

_MOST: Final = 65_536
_PIECE: Final = 65_536
_QUOTED: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status; None when there was no answer.
        text: the beginning of the body, or why there was none.
    """

    status: int | None
    text: str

    @property
    def ok(self) -> bool:
        """Whether it is the one status that Railway's health check takes."""
        return self.status == HTTPStatus.OK

    @override
    def __str__(self) -> str:
        if self.status is None:
            return self.text
        return f"{self.status} {self.text}".strip()


async def get(
    socket: Path,
    path: str,
    *,
    timeout: float,  # noqa: ASYNC109 - part of the answer
) -> Answer:
    """Asks a server on a unix socket; never raises for what the server does."""
    try:
        async with asyncio.timeout(timeout):
            return _parsed(await exchange(socket, _request(path), _MOST))
    except TimeoutError:
        return Answer(None, f"no answer within {timeout:g} s")
    except (OSError, ValueError) as error:
        return Answer(None, f"no answer ({type(error).__name__})")


async def listens(socket: Path) -> bool:
    """Whether a connection is accepted there."""
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    await _close(writer)
    return True


async def exchange(socket: Path, request: str, most: int = -1) -> bytes:
    """Says something to a server on a unix socket; returns what it says until it ends.

    It has no deadline of its own.

    Args:
        socket: where it listens.
        request: that asks it to close the connection afterwards.
        most: bytes after which the rest is left; -1: all are read.

    Raises:
        OSError: nobody listens there, or the connection broke.
    """
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(request.encode())
        await writer.drain()
        received = b""
        while most < 0 or len(received) < most:
            if not (chunk := await reader.read(_PIECE)):
                break
            received += chunk
        return received
    finally:
        await _close(writer)


def _request(path: str) -> str:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
    return f"{head}User-Agent: pm33-platform\r\nConnection: close\r\n\r\n"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    version, _, rest = head.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("that is no HTTP")
    text = body.decode(errors="replace")[:_QUOTED]
    return Answer(int(rest[:3]), " ".join(text.split()))
