"""A host that vanishes without a word: a TCP proxy that stops passing anything on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

__all__ = ["SilentProxy", "proxied"]

_PIECE = 65_536


class SilentProxy:
    """Between a client and a server.

    Attributes:
        url: that of the server, through here.
    """

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or 5432
        self._server = server
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._ways: set[asyncio.Task[None]] = set()
        self.url = ""

    def fall_silent(self) -> None:
        """Nothing passes any more, and nobody is told; who connects is left waiting."""
        self._speaks.clear()

    async def open(self) -> asyncio.Server:
        """Listens, on loopback only."""
        listener = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        at = urlsplit(self._server)
        place = f"{at.username}:{at.password}@127.0.0.1:{port}"
        self.url = at._replace(netloc=place).geturl()
        return listener

    async def end(self) -> None:
        """Cuts what is left."""
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answers at once with ways of its own: streams cancel no handler quietly."""
        self._ways.add(asyncio.create_task(self._both(reader, writer)))

    async def _both(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._speaks.wait()
            other_reader, other_writer = await asyncio.open_connection(
                self._host, self._port
            )
            try:
                await asyncio.gather(
                    self._way(reader, other_writer), self._way(other_reader, writer)
                )
            finally:
                other_writer.transport.abort()
        finally:
            writer.transport.abort()

    async def _way(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        try:
            while piece := await source.read(_PIECE):
                await self._speaks.wait()
                sink.write(piece)
                await sink.drain()
        except ConnectionError:
            pass  # one side has gone, as after a terminate
        finally:
            if self._speaks.is_set():
                sink.close()


@asynccontextmanager
async def proxied(server: str) -> AsyncIterator[SilentProxy]:
    """A proxy before the server of a database's URL."""
    proxy = SilentProxy(server)
    listener = await proxy.open()
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.end()
