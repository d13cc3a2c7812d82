"""What vendors answer to the application's own calls: for the fake of all vendors."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Any

from tests.support.fake_vendors import Route
from tests.support.vendor_voices import Asked, Reply

__all__ = [
    "CHAT",
    "INDEX",
    "INDEXES",
    "MESSAGES",
    "NO_CREDIT",
    "TOGETHER",
    "Gated",
    "chat",
    "events",
    "message",
    "packed",
    "saying",
]

MESSAGES = "POST /anthropic/v1/messages"
CHAT = "POST /openai/v1/chat/completions"
TOGETHER = "POST /together/v1/chat/completions"
INDEXES = "GET /pinecone/indexes"
INDEX = "POST /query"

NO_CREDIT = Reply(
    400,
    {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "Your credit balance is too low to access the Anthropic API."
            " Please go to Plans & Billing to upgrade or purchase credits.",
        },
    },
)


def saying(*replies: Reply) -> Route:
    """Answers with each of them in turn; the last one stays."""
    left = [*replies]

    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        reply = left.pop(0) if len(left) > 1 else left[0]
        writer.write(reply.encode())

    return answer


def message(*, tokens: tuple[int, int] = (3, 4), text: str = "Hello.") -> Reply:
    """Of Anthropic."""
    return Reply(
        200,
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
        },
    )


def chat(*, tokens: int = 7) -> Reply:
    """Of OpenAI and Together."""
    return Reply(
        200,
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Hello."},
                }
            ],
            "usage": {
                "prompt_tokens": 3,
                "completion_tokens": tokens - 3,
                "total_tokens": tokens,
            },
        },
    )


def packed(reply: Reply) -> Route:
    """The same, compressed as was asked for."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        assert "gzip" in asked.headers["accept-encoding"]
        body = gzip.compress(json.dumps(reply.body).encode())
        head = Reply(reply.status, headers=("content-encoding: gzip",))
        writer.write(head.head(len(body)) + body)

    return answer


class Gated:
    """A route that holds each answer back until it is let go.

    Attributes:
        arrived: requests that have come.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._open = asyncio.Event()
        self.arrived = 0

    def open(self) -> None:
        """Lets all of them go, now and later."""
        self._open.set()

    async def __call__(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        self.arrived += 1
        await self._open.wait()
        writer.write(self._reply.encode())


def events(first: Sequence[Any], rest: Sequence[Any], go_on: asyncio.Event) -> Route:
    """Server-sent events; after the first ones it waits."""

    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for part in (first, rest):
            for event in part:
                text = event if isinstance(event, str) else json.dumps(event)
                kind = "" if isinstance(event, str) else event.get("type", "")
                named = f"event: {kind}\n" if kind else ""
                piece = f"{named}data: {text}\n\n".encode()
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            if part is first:
                await go_on.wait()
        writer.write(b"0\r\n\r\n")

    return answer
