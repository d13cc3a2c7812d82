"""``pm33 serve`` on a unix socket: ``PM33_SOCKET``."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.backend.server import bind_socket
from app.errors import ConfigError
from tests.support.http import Connection
from tests.support.local_platform import short_home
from tests.support.served import Served, served


@pytest.fixture
def path() -> Iterator[Path]:
    with short_home() as folder:
        yield folder / "0.sock"


@asynccontextmanager
async def connected(service: Served, path: Path) -> AsyncIterator[Connection]:
    await service.child.event(addresses=[f"unix:{path}"])
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def test_it_answers_there_and_believes_the_proxy_about_its_client(
    path: Path, tmp_path: Path
) -> None:
    forwarded = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    with served(tmp_path, PM33_SOCKET=path) as service:
        async with connected(service, path) as connection:
            answer = await connection.request("GET", "/client", headers=forwarded)

        assert json.loads(answer.body) == {"client": "203.0.113.7", "scheme": "https"}


async def test_a_drain_finishes_what_has_begun_and_loses_nothing(
    path: Path, tmp_path: Path
) -> None:
    with served(tmp_path, PM33_SOCKET=path) as service:
        async with connected(service, path) as connection:
            first = await connection.request("POST", "/ledger", b"first")
            service.child.signal(signal.SIGTERM)
            await service.child.event(phase="lame_duck")
            last = await connection.request("POST", "/ledger", b"last")

        assert (first.status, last.status) == (200, 200)
        assert last.closes
        assert await service.child.exit_code() == 0
        assert service.phases() == ["lame_duck", "in_flight", "closing", "stopped"]


async def test_the_file_that_a_killed_process_left_is_replaced(
    path: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with served(tmp_path / name, PM33_SOCKET=path) as service:
            async with connected(service, path) as connection:
                assert (await connection.request("GET", "/")).status == 200
            service.child.signal(signal.SIGKILL)
            await service.child.exit_code()


def test_nobody_but_this_user_can_connect(path: Path) -> None:
    with bind_socket(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_on_which_somebody_listens_is_left_to_them(path: Path) -> None:
    with bind_socket(path):
        with pytest.raises(ConfigError) as refused:
            bind_socket(path)
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(path))

    assert str(path) in str(refused.value)
    assert "PM33_SOCKET" in refused.value.remedy


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious", encoding="utf-8")

    with pytest.raises(ConfigError):
        bind_socket(path)

    assert path.read_text(encoding="utf-8") == "precious"


def test_a_path_that_is_too_long_is_told_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        bind_socket(tmp_path / ("x" * 120))

    assert "fewer than 100 bytes" in refused.value.remedy
