"""A keep-alive HTTP client over a bare socket: it retries nothing and hides nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["DEADLINE", "Connection", "Response", "connect", "encode"]

# Long enough for a busy machine; a test that meets it has failed.
DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Response:
    """One complete response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server asks to send nothing more on this connection."""
        return "close" in self.headers.get("connection", "")


class Connection:
    """One TCP connection; what is sent and when is the caller's choice."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        async with asyncio.timeout(DEADLINE):
            self._writer.write(data)
            await self._writer.drain()

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Sends one request in one segment and reads its response."""
        await self.send(encode(method, path, body, headers))
        return await self.read()

    async def read(self) -> Response:
        """Reads one response.

        Raises:
            IncompleteReadError: the connection ended before the response did.
        """
        async with asyncio.timeout(DEADLINE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, value in (line.split(":", 1) for line in lines)
            }
            if headers.get("transfer-encoding") == "chunked":
                body = await self._read_chunks()
            else:
                length = int(headers.get("content-length", "0"))
                body = await self._reader.readexactly(length)
            return Response(int(status.split(" ")[1]), headers, body)

    async def read_to_end(self, within: float = DEADLINE) -> bytes:
        """Everything up to the end of the connection.

        Raises:
            TimeoutError: the connection was still open.
        """
        async with asyncio.timeout(within):
            return await self._reader.read()

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            chunk = await self._reader.readexactly(size + 2)
            body += chunk[:-2]
            if size == 0:
                return bytes(body)


def encode(
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of one request."""
    fields = {"host": "test", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def connect(port: int, host: str = "127.0.0.1") -> AsyncIterator[Connection]:
    """Opens a connection to a server on this machine, and closes it at the end."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        try:
            async with asyncio.timeout(DEADLINE):
                await writer.wait_closed()
        except ConnectionError:
            pass  # the server ended it first
