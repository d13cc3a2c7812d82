"""A server that answers byte by byte what a test has written down, right or wrong."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

__all__ = ["End", "OddServer", "Step", "answer", "odd_server", "perform"]


class End(Enum):
    """How a connection ends, other than politely."""

    RESET = "reset"
    HANG = "hang"
    FLOOD = "flood"


Step = bytes | float | End
"""Bytes to send, seconds to wait, or an end."""


def answer(
    body: bytes = b"{}",
    code: int = 200,
    *headers: str,
    media: str = "application/json",
    length: int | None = None,
) -> bytes:
    """A whole answer; with a wrong length, none."""
    lines = [
        f"HTTP/1.1 {code} Some",
        f"content-type: {media}",
        f"content-length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class OddServer:
    """What it says, and what it was asked.

    Attributes:
        scripts: the steps for each path.
        asked: path and head of each request, in lower case.
        connections: how many have been opened.
        url: where it listens, if that is TCP.
        socket: where it listens, if that is a unix socket.
    """

    scripts: dict[str, Sequence[Step]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    socket: Path = field(default_factory=Path)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, and one request on it."""
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                path = head.split(" ")[1]
                self.asked.append((path, head))
                for step in self.scripts.get(path, [answer(code=404)]):
                    await perform(step, writer)
        finally:
            writer.close()


async def perform(step: Step, writer: asyncio.StreamWriter) -> None:
    """Does one thing on a connection."""
    match step:
        case bytes():
            writer.write(step)
            await writer.drain()
        case End.RESET:
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        case End.HANG:
            await asyncio.get_running_loop().create_future()
        case End.FLOOD:
            while True:
                await perform(b"x" * 65_536, writer)
        case seconds:
            await asyncio.sleep(seconds)


@asynccontextmanager
async def odd_server(
    scripts: dict[str, Sequence[Step]], path: Path | None = None
) -> AsyncIterator[OddServer]:
    """Serves until the end; on a unix socket where a path is given."""
    odd = OddServer(scripts)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(odd.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if path is None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        odd.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(connected, path)
        odd.socket = path
    try:
        yield odd
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
