"""One GET over a unix socket, with nothing but the standard library."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from typing_extensions import override

from app.backend.deploy.platforms.local.startup_page import faults_of, words_of

__all__ = ["Answer", "exchange", "get", "is_of_probe", "listens"]

_MOST: Final = 65_536
_PIECE: Final = 65_536
_QUOTED: Final = 300
_AGENT: Final = "pm33-platform"
_NOBODY: Final = "it does not listen"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status; None when there was no answer.
        text: the beginning of the body, or why there was none.
        body: all of it that was read.
    """

    status: int | None
    text: str
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is the one status that Railway's health check takes."""
        return self.status == HTTPStatus.OK

    @override
    def __str__(self) -> str:
        if self.status is None:
            return self.text
        return f"{self.status} {words_of(faults_of(self.body)) or self.text}".strip()

    @property
    def brief(self) -> str:
        """The same without what may be another one each time."""
        if self.status is None:
            return self.text
        faults = words_of(faults_of(self.body))
        return f"{self.status}, {faults}" if faults else str(self.status)


async def get(
    socket: Path,
    path: str,
    *,
    timeout: float,  # noqa: ASYNC109 - part of the answer
    token: str | None = None,
) -> Answer:
    """Asks a server on a unix socket; never raises for what the server does.

    Args:
        socket: where it listens.
        path: of the URL.
        timeout: seconds for everything.
        token: shown to it, where one is given.
    """
    try:
        async with asyncio.timeout(timeout):
            return _parsed(await exchange(socket, _request(path, token), _MOST))
    except TimeoutError:
        return Answer(None, f"no answer within {timeout:g} s")
    except (FileNotFoundError, ConnectionRefusedError):
        return Answer(None, _NOBODY)
    except (OSError, ValueError) as error:
        return Answer(None, f"no answer ({type(error).__name__})")


async def listens(socket: Path) -> Answer:
    """Whether a connection is accepted there, as an answer."""
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return Answer(None, _NOBODY)
    await _close(writer)
    return Answer(HTTPStatus.OK, "it listens")


def is_of_probe(line: str, path: str | None) -> bool:
    """Whether a line of a release's log tells of a question of :func:`get` alone.

    It is told by its user agent, or as the request line of the health path; an
    application that logs in another way is not understood.
    """
    return _AGENT in line or (path is not None and f"GET {path} HTTP/" in line)


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


def _request(path: str, token: str | None) -> str:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"User-Agent: {_AGENT}"]
    # Else a value with a line break would be a header of its own.
    if token is not None and token.isascii() and token.isprintable():
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "Connection: close", "", ""])


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
    return Answer(int(rest[:3]), " ".join(text.split()), body)
