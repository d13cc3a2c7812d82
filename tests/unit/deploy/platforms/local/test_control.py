"""The control socket's protocol, with answers of our own."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import app.errors
from app.backend.deploy.platforms.local.control import (
    ControlServer,
    error_from,
    error_of,
)
from app.errors import ConfigError, LeaseLostError, PlatformError
from tests.support.local_platform import short_home
from tests.support.processes import eventually


@pytest.fixture
def path() -> Iterator[Path]:
    with short_home() as folder:
        yield folder / "control.sock"


async def echo(request: Mapping[str, Any]) -> Any:
    return request["say"]


async def refuse(_: Mapping[str, Any]) -> Any:
    raise LeaseLostError("epoch 1 is over", remedy="look who has taken over")


async def fail(_: Mapping[str, Any]) -> Any:
    raise OSError(28, "No space left on device")


async def stumble(_: Mapping[str, Any]) -> Any:
    raise RuntimeError("who would have thought")


async def count(_: Mapping[str, Any]) -> AsyncIterator[int]:
    for number in range(3):
        yield number


@asynccontextmanager
async def serving(path: Path, **more: Any) -> AsyncIterator[ControlServer]:
    plain = {"echo": echo, "refuse": refuse, "fail": fail, "stumble": stumble}
    server = ControlServer(path, {**plain, "count": count, **more})
    await server.open()
    try:
        yield server
    finally:
        await server.close()


async def ask(path: Path, line: bytes) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return [json.loads(one) for one in answer.splitlines()]


async def test_one_request_has_one_answer(path: Path) -> None:
    async with serving(path):
        assert await ask(path, b'{"op": "echo", "say": 42}\n') == [{"ok": 42}]


async def test_a_stream_has_items_and_an_end(path: Path) -> None:
    async with serving(path):
        answer = await ask(path, b'{"op": "count"}\n')

    assert answer == [{"item": 0}, {"item": 1}, {"item": 2}, {"ok": None}]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"op": "dance"}\n', "knows no dance"),
        (b'{"op": "echo"}\n', "does not understand"),
        (b"{}\n", "does not understand"),
        (b"nonsense\n", "does not understand"),
        (b'{"op": "fail"}\n', "No space left on device"),
        (b'{"op": "stumble"}\n', "who would have thought"),
    ],
)
async def test_what_cannot_be_answered_is_said_with_a_remedy(
    path: Path, line: bytes, words: str
) -> None:
    async with serving(path):
        (answer,) = await ask(path, line)

    assert answer["error"]["kind"] == "PlatformError"
    assert words in answer["error"]["message"]
    assert answer["error"]["remedy"]


async def test_a_full_disk_alone_is_called_one(path: Path) -> None:
    async def deny(_: Mapping[str, Any]) -> Any:
        raise PermissionError(13, "Permission denied")

    async with serving(path, deny=deny):
        (full,) = await ask(path, b'{"op": "fail"}\n')
        (denied,) = await ask(path, b'{"op": "deny"}\n')

    assert "disk" in full["error"]["remedy"]
    assert "disk" not in denied["error"]["remedy"]


async def test_a_refusal_arrives_as_what_it_was(path: Path) -> None:
    async with serving(path):
        (answer,) = await ask(path, b'{"op": "refuse"}\n')

    error = error_from(answer["error"])
    assert type(error) is LeaseLostError
    assert str(error) == "epoch 1 is over"
    assert error.remedy == "look who has taken over"


@pytest.mark.parametrize("kind", ["NoSuchError", "ClassVar", "", "Exception"])
def test_a_refusal_of_an_unknown_kind_is_the_platforms(kind: str) -> None:
    error = error_from({"kind": kind, "message": "no", "remedy": ""})

    assert type(error) is PlatformError


def test_every_error_of_the_tree_travels() -> None:
    for name in app.errors.__all__:
        kind = getattr(app.errors, name)
        assert type(error_from(error_of(kind("so", remedy="do")))) is kind


def test_an_error_that_is_not_in_the_tree_travels_as_what_it_is_a_kind_of() -> None:
    class OddError(ConfigError):
        """Of a module that the caller may not have."""

    error = error_from(error_of(OddError("so", remedy="do")))

    assert type(error) is ConfigError
    assert (str(error), error.remedy) == ("so", "do")


async def test_what_a_caller_waits_for_is_ended_when_he_hangs_up(path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Mapping[str, Any]) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with serving(path, wait=wait):
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"op": "wait"}\n')
        await asyncio.wait_for(begun.wait(), 10)
        writer.close()
        await eventually(ended.is_set)
