"""HTTP/1.1 as far as a GraphQL client speaks it: requests read, answers written."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

__all__ = ["Answer", "Asked", "of_json", "of_text", "read_request"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        cut: its second half is kept back, and the connection reset.
    """

    status: int
    body: bytes = field(repr=False)
    media: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    def encode(self) -> bytes:
        """Its bytes."""
        headers = {
            "date": formatdate(usegmt=True),
            "content-type": self.media,
            "content-length": len(self.body),
            **self.headers,
        }
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        text = "\r\n".join([*lines, "", ""]).encode() + self.body
        return text[: len(text) - len(self.body) // 2 - 1] if self.cut else text


def of_json(
    body: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Answer:
    """JSON."""
    text = json.dumps(body).encode()
    return Answer(status, text, "application/json; charset=utf-8", headers or {})


def of_text(
    body: str,
    status: int,
    headers: Mapping[str, str] | None = None,
    media: str = "text/plain; charset=UTF-8",
) -> Answer:
    """Anything else."""
    return Answer(status, body.encode(), media, headers or {})


async def read_request(reader: asyncio.StreamReader) -> Asked:
    """The next request of a connection.

    Raises:
        asyncio.IncompleteReadError: there is none.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, query, headers, body)
