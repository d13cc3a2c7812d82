"""All vendors in one small server, over real HTTP; it remembers what it was asked.

It knows one credential for each voice, and refuses all others as that vendor does.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

from tests.support.vendor_voices import KEYS, VOICES, Asked, Reply, Voice

__all__ = [
    "PIECES",
    "RETRY_AFTER",
    "Behaviour",
    "FakeVendors",
    "Route",
    "closed_port",
    "fake_vendors",
]


class Behaviour(StrEnum):
    """How a voice answers from now on."""

    OK = "ok"
    UNAUTHORIZED = "401"
    PAYMENT = "402"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    RATE_LIMITED = "429"
    RATE_LIMITED_FOR = "429 with Retry-After"
    QUOTA = "quota"
    BROKEN = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    REDIRECT = "redirect"
    HANG = "hang"
    HANG_IN_BODY = "hang in the body"
    CUT = "cut"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    WRONG_TYPE = "wrong content type"
    NO_JSON = "no JSON"
    OTHER_SHAPE = "other shape"
    COMPRESSED = "compressed"


RETRY_AFTER = 17
PIECES = 160
"""Of 64 KiB: ten megabytes."""

_ROUTES = {voice.route: name for name, voice in VOICES.items()}

Route = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""Writes the whole answer."""


class FakeVendors:
    """What it does, and what it was asked.

    Attributes:
        url: where it listens.
        asked: every request, in order; what no voice knows is of the voice "".
        behaviours: of the voices that do not just answer.
        replies: what a voice says instead, whatever the behaviour.
        pieces: of oversized bodies that somebody has taken.
        routes: by method and path, what no voice is asked about: the application's
            own calls.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.replies: dict[str, Reply] = {}
        self.pieces = 0
        self.routes: dict[str, Route] = {}

    def variables(self) -> dict[str, str]:
        """The environment in which everything is configured and leads here."""
        url = self.url
        origin = url.replace("//", f"//{KEYS['sentry_ingest']}@")
        return {
            "ENVIRONMENT": "staging",
            "ANTHROPIC_API_KEY": KEYS["anthropic"],
            "HEALTH_ANTHROPIC_BASE_URL": f"{url}/anthropic",
            "OPENAI_API_KEY": KEYS["openai"],
            "HEALTH_OPENAI_BASE_URL": f"{url}/openai/v1",
            "TOGETHER_API_KEY": KEYS["together"],
            "HEALTH_TOGETHER_BASE_URL": f"{url}/together/",
            "PINECONE_API_KEY": KEYS["pinecone"],
            "PINECONE_INDEX": "articles",
            "HEALTH_PINECONE_BASE_URL": f"{url}/pinecone",
            "STRIPE_SECRET_KEY": KEYS["stripe"],
            "HEALTH_STRIPE_BASE_URL": f"{url}/stripe",
            "SUPABASE_URL": f"{url}/supabase",
            "SUPABASE_ANON_KEY": KEYS["supabase_anon"],
            "SUPABASE_SERVICE_ROLE_KEY": KEYS["supabase_service"],
            "RESEND_API_KEY": KEYS["resend"],
            "HEALTH_RESEND_BASE_URL": f"{url}/resend",
            "SENTRY_DSN": f"{origin}/sentry/42",
            "SENTRY_AUTH_TOKEN": KEYS["sentry_key"],
            "SENTRY_ORG": "acme",
            "SENTRY_PROJECT": "web",
            "POSTHOG_PROJECT_API_KEY": KEYS["posthog"],
            "POSTHOG_HOST": f"{url}/posthog",
            "PM33_SLACK_WEBHOOK": f"https://hooks.slack.com/services/{KEYS['slack_webhook']}",
            "SLACK_BOT_TOKEN": KEYS["slack_bot"],
            "HEALTH_SLACK_BASE_URL": f"{url}/slack",
        }

    def asked_of(self, voice: str) -> list[Asked]:
        """What one of them was asked."""
        return [asked for asked in self.asked if asked.voice == voice]

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, request after request."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    await self._answer(await _request(reader), writer)
        finally:
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        if asked.voice in self.replies:
            writer.write(self.replies[asked.voice].encode())
        elif asked.voice:
            behaviour = self.behaviours.get(asked.voice, Behaviour.OK)
            await self._behave(VOICES[asked.voice], behaviour, asked, writer)
        elif (route := self.routes.get(f"{asked.method} {asked.path}")) is not None:
            await route(asked, writer)
        else:
            writer.write(Reply(404, {"error": "no such route"}).encode())
        await writer.drain()

    async def _behave(
        self,
        voice: Voice,
        behaviour: Behaviour,
        asked: Asked,
        writer: asyncio.StreamWriter,
    ) -> None:
        known = voice.credential(asked) == KEYS[asked.voice]
        match behaviour:
            case Behaviour.OK:
                writer.write((voice.ok if known else voice.refusal).encode())
            case Behaviour.UNAUTHORIZED:
                writer.write(Reply(401, voice.refusal.body).encode())
            case Behaviour.FORBIDDEN:
                writer.write(voice.forbidden.encode())
            case Behaviour.QUOTA:
                writer.write(voice.quota.encode())
            case Behaviour.CUT:
                writer.close()
            case _ if behaviour in _SIMPLE:
                writer.write(_SIMPLE[behaviour].encode())
            case _:
                await self._break_off(behaviour, writer)

    async def _break_off(
        self, behaviour: Behaviour, writer: asyncio.StreamWriter
    ) -> None:
        if behaviour is Behaviour.HANG:
            await asyncio.get_running_loop().create_future()
        writer.write(Reply(200).head(PIECES * 65_536))
        if behaviour is Behaviour.OVERSIZED:
            for _ in range(PIECES):
                writer.write(b"x" * 65_536)
                await writer.drain()
                self.pieces += 1
            return
        writer.write(b'{"data": [')
        await writer.drain()
        if behaviour is Behaviour.HANG_IN_BODY:
            await asyncio.get_running_loop().create_future()
        writer.close()


@asynccontextmanager
async def fake_vendors() -> AsyncIterator[FakeVendors]:
    """Serves on loopback until the end."""
    fakes = FakeVendors()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(fakes.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    fakes.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fakes
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def closed_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    voice = _ROUTES.get(f"{method} {path}", "")
    if not voice and path.startswith("/slack/services/"):
        voice = "slack_webhook"
    return Asked(voice, method, path, headers, body)


_SIMPLE: Mapping[Behaviour, Reply] = {
    Behaviour.PAYMENT: Reply(402, {"error": {}}),
    Behaviour.NOT_FOUND: Reply(404, {"error": {}}),
    Behaviour.RATE_LIMITED: Reply(429, {"error": {}}),
    Behaviour.RATE_LIMITED_FOR: Reply(
        429, {"error": {}}, headers=(f"retry-after: {RETRY_AFTER}",)
    ),
    Behaviour.BROKEN: Reply(500, {"error": {}}),
    Behaviour.UNAVAILABLE: Reply(503, "<html>later", media="text/html"),
    Behaviour.OVERLOADED: Reply(529, {"error": {"type": "overloaded_error"}}),
    Behaviour.REDIRECT: Reply(302, "", headers=("location: http://127.0.0.1:1/",)),
    Behaviour.WRONG_TYPE: Reply(200, "<html>hello", media="text/html"),
    Behaviour.NO_JSON: Reply(200, '{"data": '),
    Behaviour.OTHER_SHAPE: Reply(200, {"hello": "world"}),
    Behaviour.COMPRESSED: Reply(200, "{}", headers=("content-encoding: gzip",)),
}
