"""What the client makes of answers that it cannot understand."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.control import LONGEST_LINE
from app.backend.deploy.platforms.local.sockets import make_run_dir
from app.errors import PlatformError
from tests.support.local_platform import short_home


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as folder:
        yield folder


@asynccontextmanager
async def answering(home: Path, answer: bytes) -> AsyncIterator[LocalPlatform]:
    """A platform that says the same to everybody."""

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    path = make_run_dir(home) / "control.sock"
    server = await asyncio.start_unix_server(connected, str(path))
    async with server:
        yield LocalPlatform(home)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"ok": {}}\n',
        b'{"ok": {"id": "dep-1", "status": "ASLEEP", "created_at": "today"}}\n',
        b"x" * (LONGEST_LINE + 2) + b"\n",
    ],
    ids=["nonsense", "a list", "nothing", "no fields", "unknown words", "too long"],
)
async def test_an_answer_that_is_none_is_an_error_with_a_remedy(
    home: Path, answer: bytes
) -> None:
    async with answering(home, answer) as platform:
        with pytest.raises(PlatformError, match="cannot be understood") as refused:
            await platform.deployment("dep-1")

    assert "version" in refused.value.remedy


async def test_settings_of_a_later_version_are_understood(home: Path) -> None:
    body = {"ok": {"start_command": "serve", "colour": "blue"}}
    async with answering(home, json.dumps(body).encode() + b"\n") as platform:
        assert await platform.settings("c0ffee") == ServiceSettings(
            start_command="serve"
        )
