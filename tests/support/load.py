"""Clients that ask at a fixed rate, retry nothing, and remember everything.

Open loop: a request is sent when its time has come, whatever has become of those
before it. A client that waits for its answer first asks less just when it goes badly,
and so hides what was lost.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

from tests.support.http import Connection, Response, encode

__all__ = ["Kind", "Load", "Loss", "Request"]

# The proxy waits 5 s for a replica.
_PATIENCE = 15.0
_POST_HEAD = {"content-type": "text/plain"}


class Kind(StrEnum):
    """How a request is sent."""

    KEPT_POST = "POST on a kept connection"
    KEPT_GET = "GET on a kept connection"
    ONE_SHOT = "GET on a connection of its own"
    STREAM = "stream"


class Loss(StrEnum):
    """Why a request was not answered as it should be."""

    REFUSED = "refused"
    RESET = "reset"
    STATUS = "status"
    TIMEOUT = "timeout"
    CUT = "cut"


_TURN = (Kind.KEPT_POST, Kind.KEPT_GET, Kind.KEPT_POST, Kind.ONE_SHOT)


@dataclass(frozen=True, slots=True)
class Request:
    """What became of one request; times are ``time.monotonic()``.

    Attributes:
        id: its own; a POST carries it in its body.
        sent: just before its first byte was written, or a connection was asked for.
        late: seconds after its time had come.
        release: who answered.
        status: of the answer; 0 without one.
        detail: what went wrong, in the words of the client.
    """

    id: str
    kind: Kind
    sent: float
    ended: float
    late: float
    release: str = ""
    status: int = 0
    loss: Loss | None = None
    detail: str = ""


class Load:
    """Load on a port of 127.0.0.1 for as long as the block runs.

    Half of it POST on kept connections, a quarter GET on kept ones, a quarter GET on
    connections of their own. After the block, every request has an end.

    Args:
        port: who is asked.
        rate: requests a second.
        name: distinguishes the ids of several loads.

    Attributes:
        requests: what has ended, in that order.
    """

    def __init__(self, port: int, *, rate: float, name: str = "load") -> None:
        self._port = port
        self._rate = rate
        self._name = name
        self._idle: deque[tuple[Connection, asyncio.StreamWriter]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self.requests: list[Request] = []

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        assert self._sender is not None
        await self._sender
        await asyncio.gather(*self._running)
        for _, writer in self._idle:
            writer.close()

    def stream(self, seconds: float) -> asyncio.Task[None]:
        """Begins one answer that takes ``seconds``; it counts as one request."""
        path = f"/stream?seconds={seconds}"
        return self._begin(f"{self._name}-stream", Kind.STREAM, path, seconds)

    async def _send(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stop.is_set():
            due = began + number / self._rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            kind = _TURN[number % len(_TURN)]
            self._begin(f"{self._name}-{number}", kind, "/", 0.0, due)
            number += 1

    def _begin(
        self, name: str, kind: Kind, path: str, extra: float, due: float | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._ask(name, kind, path, extra, due))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _ask(
        self, name: str, kind: Kind, path: str, extra: float, due: float | None
    ) -> None:
        sent = time.monotonic()
        answer, loss, detail = None, None, ""
        try:
            async with asyncio.timeout(_PATIENCE + extra):
                answer = await self._exchange(name, kind, path)
        except (OSError, EOFError, TimeoutError) as error:
            loss, detail = _name(error), repr(error)
        else:
            loss, detail = _judge(kind, answer)
        self.requests.append(
            Request(
                id=name,
                kind=kind,
                sent=sent,
                ended=time.monotonic(),
                late=sent - (due or sent),
                release=answer.headers.get("x-release", "") if answer else "",
                status=answer.status if answer else 0,
                loss=loss,
                detail=detail,
            )
        )

    async def _exchange(self, name: str, kind: Kind, path: str) -> Response:
        kept = kind in {Kind.KEPT_POST, Kind.KEPT_GET}
        connection, writer = await self._connection(kept=kept)
        try:
            if kind is Kind.KEPT_POST:
                data = encode("POST", path, name.encode(), _POST_HEAD)
            else:
                data = encode("GET", path, b"", {} if kept else {"connection": "close"})
            await connection.send(data)
            answer = await connection.read()
        except BaseException:
            writer.close()
            raise
        if kept and not answer.closes:
            self._idle.append((connection, writer))
        else:
            writer.close()
        return answer

    async def _connection(
        self, *, kept: bool
    ) -> tuple[Connection, asyncio.StreamWriter]:
        """The connection that has been idle for longest, or a new one."""
        if kept and self._idle:
            return self._idle.popleft()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        return Connection(reader, writer), writer


def _name(error: Exception) -> Loss:
    match error:
        case TimeoutError():
            return Loss.TIMEOUT
        case ConnectionRefusedError():
            return Loss.REFUSED
        case _:
            return Loss.RESET


def _judge(kind: Kind, answer: Response) -> tuple[Loss | None, str]:
    if answer.status != 200:
        return Loss.STATUS, f"{answer.status} {answer.body[:100]!r}"
    if kind is Kind.STREAM and not answer.body.endswith(b"end"):
        return Loss.CUT, f"after {len(answer.body)} bytes"
    return None, ""
