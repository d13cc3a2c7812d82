"""A GraphQL endpoint that gives, operation by operation, the answers it was told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.odd_server import Step, answer, perform

__all__ = ["Asked", "CannedRailway", "canned_railway", "data", "errors", "head"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        path: with the query string.
        headers: names in lower case.
        query: the operation's text.
    """

    operation: str
    variables: Mapping[str, Any]
    path: str
    headers: Mapping[str, str]
    query: str


@dataclass
class CannedRailway:
    """What it says, and what it was asked.

    Attributes:
        url: with a query string.
        answers: by operation; each is given once, and the last from then on.
        asked: every request, in order.
    """

    url: str = ""
    answers: dict[str, Sequence[Sequence[Step]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def operations(self) -> list[str]:
        """The names of what was asked, in order."""
        return [one.operation for one in self.asked]

    def says(self, operation: str, *answers: bytes | Sequence[Step]) -> None:
        """From now on; bytes are a whole answer."""
        self.answers[operation] = [
            [one] if isinstance(one, bytes) else one for one in answers
        ]

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, and one request on it."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                asked = await _asked(reader)
                self.asked.append(asked)
                for step in self._next(asked.operation):
                    await perform(step, writer)
        finally:
            writer.close()

    def _next(self, operation: str) -> Sequence[Step]:
        answers = self.answers.get(operation) or [[errors("Not Authorized")]]
        self.answers[operation] = answers[1:] or answers
        return answers[0]


def data(*headers: str, **fields: Any) -> bytes:
    """An answer with data."""
    return answer(json.dumps({"data": fields}).encode(), 200, *headers)


def errors(
    message: str,
    status: int = 200,
    /,
    *headers: str,
    data: Mapping[str, Any] | None = None,
    **extensions: str,
) -> bytes:
    """An answer with one error, and the data beside it."""
    error = {"message": message, "path": [], "extensions": extensions}
    body = {"errors": [error], "data": data}
    return answer(json.dumps(body).encode(), status, *headers)


def head(left: int, limit: int, reset: float) -> tuple[str, ...]:
    """What Railway's answers say of its limits."""
    return (
        f"X-RateLimit-Limit: {limit}",
        f"X-RateLimit-Remaining: {left}",
        f"X-RateLimit-Reset: {reset:.0f}",
    )


@asynccontextmanager
async def canned_railway() -> AsyncIterator[CannedRailway]:
    """Serves on loopback until the end."""
    canned = CannedRailway()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(canned.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    canned.url = f"http://127.0.0.1:{port}/graphql/v2?source=tests"
    try:
        yield canned
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _asked(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = json.loads(await reader.readexactly(int(headers["content-length"])))
    return Asked(
        operation=body["operationName"],
        variables=body["variables"],
        path=first.split(" ")[1],
        headers=headers,
        query=body["query"],
    )
