"""One server of health in this event loop, with or without its instant answers."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn

from app.backend.api.edge import Edge
from app.backend.health.board import Board
from app.backend.server.instant import ServingState
from app.backend.server.protocol import HeaderDeadlineProtocol
from tests.support.http import DEADLINE
from tests.support.processes import eventually

__all__ = ["Answering", "answering", "converse", "split_answers"]


class Behind:
    """The application behind the edge."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = scope["method"].encode()
        if scope["path"] == "/slow":
            await asyncio.sleep(0.01)
        if scope["path"] != "/early":
            body += b" " + await _read(receive)
        headers = [(b"content-length", b"%d" % len(body)), (b"x-own", b"1")]
        await send({"type": "http.response.start", "status": 299, "headers": headers})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})


class Answering:
    """The server.

    Attributes:
        edge: counts what it answered.
        state: counts the requests, knows the connections.
        called: the path of each request that became ASGI.
    """

    def __init__(self, board: Board, *, instant: bool) -> None:
        self.edge = Edge(Behind(), board)
        self.state = ServingState(self.edge.instant if instant else None)
        self.state.default_headers = [(b"date", b"today"), (b"x-default", b"2")]
        self.called: list[str] = []
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI interface."""
        self.called.append(scope["path"])
        await self.edge(scope, receive, send)


@asynccontextmanager
async def answering(board: Board, *, instant: bool) -> AsyncIterator[Answering]:
    """Serves on a free port of 127.0.0.1 until the block ends."""
    application = Answering(board, instant=instant)
    config = uvicorn.Config(
        application, interface="asgi3", log_config=None, log_level="critical"
    )
    config.access_log = False
    config.load()
    server = await asyncio.get_running_loop().create_server(
        partial(HeaderDeadlineProtocol, config, application.state, {}), "127.0.0.1"
    )
    application.port = server.sockets[0].getsockname()[1]
    try:
        yield application
        await eventually(lambda: not application.state.connections)
    finally:
        server.close()


async def converse(port: int, segments: Iterable[bytes], pause: float) -> bytes:
    """Sends each segment by itself; returns everything until the server closes."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received = asyncio.create_task(reader.read())
        try:
            for segment in segments:
                writer.write(segment)
                await asyncio.sleep(pause)
            return await received
        finally:
            received.cancel()
            writer.close()
            await writer.wait_closed()


Split = tuple[bytes, tuple[bytes, ...], bytes]


def split_answers(received: bytes, methods: Iterable[str]) -> list[Split]:
    """Status line, sorted header lines but for age and date, and body of each answer.

    Args:
        received: every answer on one connection, in order.
        methods: what each of them answers, for one to HEAD has no body.
    """
    answers, left = [], received
    for method in methods:
        head, _, left = left.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100 "):
            head, _, left = left.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines)
        length = 0 if method == "HEAD" else int(fields.get(b"content-length", b"0"))
        body, left = left[:length], left[length:]
        kept = sorted(
            one for one in lines if not one.startswith((b"x-health-age", b"date"))
        )
        answers.append((status, tuple(kept), body))
    assert not left, left
    return answers


async def _read(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
