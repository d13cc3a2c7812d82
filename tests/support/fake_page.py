"""A vendor's status page over real HTTP; it remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Any

__all__ = ["FakePage", "Manner", "fake_page", "incident", "summary"]

_MEGABYTES = 10


class Manner(StrEnum):
    """How it answers from now on."""

    OK = "ok"
    BROKEN = "500"
    LATER = "429 with Retry-After"
    HANG = "hang"
    OVERSIZED = "oversized"
    NO_JSON = "no JSON"
    HTML = "HTML"
    OTHER_SHAPE = "other shape"
    REDIRECT = "redirect"
    CUT = "cut"
    UNASKED_304 = "304 that nobody asked for"


_JSON = "content-type: application/json"
_ODD = {
    Manner.BROKEN: (500, b"{}", _JSON),
    Manner.LATER: (429, b"{}", f"{_JSON}\r\nretry-after: 1000"),
    Manner.NO_JSON: (200, b'{"components"', _JSON),
    Manner.HTML: (200, b"<html>", "content-type: text/html"),
    Manner.OTHER_SHAPE: (200, b'{"status": {"indicator": "critical"}}', _JSON),
    Manner.REDIRECT: (302, b"", "location: http://127.0.0.1:1/"),
    Manner.UNASKED_304: (304, b"", ""),
}


def incident(
    *components: str, title: str = "Elevated errors", **more: str
) -> dict[str, Any]:
    """One that is under way and touches these components."""
    return {
        "name": title,
        "status": "investigating",
        "impact": "major",
        "started_at": "2026-11-23T05:00:00Z",
        "components": [{"name": name} for name in components],
    } | more


def summary(
    *incidents: dict[str, Any],
    components: Sequence[str] = ("API",),
    **unwell: str,
) -> dict[str, Any]:
    """A page with these incidents; ``unwell`` gives components another status."""
    statuses = dict.fromkeys(components, "operational") | unwell
    return {
        "page": {"name": "Vendor"},
        "status": {"indicator": "major" if incidents or unwell else "none"},
        "components": [
            {"name": name, "status": status} for name, status in statuses.items()
        ],
        "incidents": list(incidents),
        "scheduled_maintenances": [],
    }


class FakePage:
    """What it says, and what it was asked.

    Attributes:
        url: of its summary.
        body: what it says; with it, its ETag changes.
        manner: how it says it.
        conditions: of each request, its ``If-None-Match``; empty without one.
        statuses: that it has answered with.
    """

    def __init__(self) -> None:
        self.url = ""
        self.body: dict[str, Any] = summary()
        self.manner = Manner.OK
        self.conditions: list[str] = []
        self.statuses: list[int] = []

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, one request."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await self._answer(head, writer)
        finally:
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        _, _, rest = head.partition("if-none-match: ")
        asked = rest.partition("\r\n")[0]
        self.conditions.append(asked)
        body = json.dumps(self.body).encode()
        etag = f'w/"{abs(hash(body)):x}"'
        match self.manner:
            case Manner.HANG:
                await asyncio.get_running_loop().create_future()
            case Manner.CUT:
                return
            case Manner.OVERSIZED:
                self._write(writer, 200, b"x" * (_MEGABYTES << 20), _JSON)
            case Manner.OK if asked == etag:
                self._write(writer, 304, b"", f"etag: {etag}")
            case Manner.OK:
                self._write(writer, 200, body, f"{_JSON}\r\netag: {etag}")
            case _:
                self._write(writer, *_ODD[self.manner])
        await writer.drain()

    def _write(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, headers: str
    ) -> None:
        self.statuses.append(status)
        length = f"content-length: {len(body)}\r\n" if status != 304 else ""
        head = f"HTTP/1.1 {status} Some\r\n{length}connection: close\r\n{headers}"
        writer.write(head.rstrip("\r\n").encode() + b"\r\n\r\n" + body)


@asynccontextmanager
async def fake_page() -> AsyncIterator[FakePage]:
    """Serves on loopback until the end."""
    page = FakePage()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(page.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    page.url = f"http://127.0.0.1:{port}/api/v2/summary.json"
    try:
        yield page
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
