"""The API's server: asyncio streams on loopback, so that an answer can be cut."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.railway.endpoint import PATH, Endpoint, Silence
from tests.support.railway.exchange import Answer, read_request

__all__ = ["served"]

_READ_LIMIT = 2**22


@asynccontextmanager
async def served(endpoint: Endpoint, port: int = 0) -> AsyncIterator[str]:
    """Serves until the end; yields the address that a client is given."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_serve(endpoint, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=_READ_LIMIT)
    number = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{number}{PATH}?source=pm33-ops"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _serve(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection, request after request."""
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                answer = await endpoint.answer(await read_request(reader))
                await _write(answer, reader, writer)
    finally:
        writer.close()


async def _write(
    answer: Answer | Silence,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    if isinstance(answer, Answer):
        writer.write(answer.encode())
        await writer.drain()
        if answer.cut:
            _reset(writer)
    elif answer.closes:
        _reset(writer)
    else:
        # Until the client has had enough of waiting.
        await reader.read(1)
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
