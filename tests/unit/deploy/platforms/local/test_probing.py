"""The platform's own questions, and what is made of the answers."""

import asyncio
from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.probing import get, is_of_probe, listens
from tests.support.local_platform import short_home


async def test_nobody_there_is_said_in_words_not_by_the_name_of_an_error(
    tmp_path: Path,
) -> None:
    answer = await get(tmp_path / "none.sock", "/health", timeout=1)

    assert (answer.status, str(answer)) == (None, "it does not listen")
    assert str(await listens(tmp_path / "none.sock")) == "it does not listen"


@pytest.mark.parametrize(
    ("token", "shown"), [("a-token", True), ("a\r\nx-evil: 1", False), (None, False)]
)
async def test_a_token_is_shown_unless_it_would_be_another_header(
    token: str | None, *, shown: bool
) -> None:
    heard: list[bytes] = []

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfine")
        writer.close()

    with short_home() as folder:
        socket = folder / "one.sock"
        server = await asyncio.start_unix_server(connected, str(socket))
        async with server:
            answer = await get(socket, "/health", timeout=5, token=token)

    assert answer.ok
    assert (b"\r\nAuthorization: Bearer a-token\r\n" in heard[0]) is shown
    assert b"evil" not in heard[0]


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ('INFO:     - "GET /health HTTP/1.1" 503 Service Unavailable', True),
        ('- - [23/Nov] "GET /up HTTP/1.1" 200 2 "-" "pm33-platform"', True),
        ('INFO:     - "GET /healthy HTTP/1.1" 200 OK', False),
        ("GET /health has failed", False),
    ],
)
def test_a_line_about_a_probe_is_told_by_its_path_or_its_agent(
    line: str, *, is_one: bool
) -> None:
    assert is_of_probe(line, "/health") is is_one
