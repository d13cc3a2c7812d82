"""The embedded server's life: first start, later starts, accidents."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from app.backend.database import embedded
from app.backend.database.embedded import EmbeddedServer, Places, last_url, running_url
from app.backend.database.embedded.identity import scratch_folder
from app.backend.processes import spawn
from app.errors import EmbeddedPostgresError
from tests.support.installation import NOBODY
from tests.support.postgres import open_home
from tests.support.processes import eventually

AM_ROOT = os.geteuid() == 0
SERVER_USER = f"{NOBODY}:{NOBODY}" if AM_ROOT else "self"

start = partial(embedded.start, durable=False)


@pytest.fixture
def home() -> Iterator[Path]:
    with open_home() as folder:
        yield folder / "home"


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=30)


@contextlib.asynccontextmanager
async def started(
    home: Path, *, durable: bool = False
) -> AsyncIterator[EmbeddedServer]:
    server = await start(home, durable=durable)
    try:
        yield server
    finally:
        await server.stop()


async def remember(server: EmbeddedServer) -> None:
    async with connected(server.url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


async def remembered(server: EmbeddedServer) -> object:
    async with connected(server.url) as connection:
        return await connection.fetchval("SELECT answer FROM kept")


def listening_on(port: int) -> set[str]:
    return {
        entry.laddr.ip
        for entry in psutil.net_connections("tcp")
        if entry.status == psutil.CONN_LISTEN
        and entry.laddr
        and entry.laddr.port == port
    }


def readable_by_others(home: Path) -> list[Path]:
    return [file for file in home.glob("postgres.*") if file.stat().st_mode & 0o077]


def trap_for(home: Path) -> Path:
    """Makes the home private, and takes the folder that its data would go to."""
    home.mkdir(mode=0o700)
    scratch = home.with_name("scratch")
    trap = scratch_folder(scratch, home, NOBODY)
    trap.mkdir(parents=True)
    trap.chmod(0o777)
    return scratch


def draft_of(home: Path) -> Path:
    draft = home / "postgres.new-killed"
    (draft / "data").mkdir(parents=True)
    (draft / "data" / "PG_VERSION").write_text("15\n")
    return draft


async def test_a_new_server_listens_on_loopback_only_and_asks_for_a_password(
    home: Path,
) -> None:
    async with started(home) as server:
        port = urlsplit(server.url).port
        assert port is not None
        assert listening_on(port) == {"127.0.0.1"}
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url, password="wrong", timeout=30)


async def test_the_password_is_in_no_representation_and_no_readable_file(
    home: Path,
) -> None:
    async with started(home) as server:
        password = urlsplit(server.url).password
        assert password
        assert password not in repr(server)
        assert not readable_by_others(home)


async def test_data_and_port_survive_until_the_next_start(home: Path) -> None:
    async with started(home) as server:
        await remember(server)
    async with started(home) as again:
        assert await remembered(again) == 42
        assert again.url == server.url


async def test_a_port_that_was_taken_meanwhile_is_replaced(home: Path) -> None:
    async with started(home) as server:
        port = urlsplit(server.url).port
    with socket.create_server(("127.0.0.1", port or 0)):
        async with started(home) as again:
            assert urlsplit(again.url).port != port


async def test_the_url_is_known_while_the_server_runs(home: Path) -> None:
    assert running_url(home) is None
    assert last_url(home) is None
    async with started(home) as server:
        assert running_url(home) == server.url
    assert (running_url(home), last_url(home)) == (None, server.url)


async def test_a_copied_home_does_not_know_the_original_server(home: Path) -> None:
    async with started(home):
        copy = home.with_name("copy")
        copy.mkdir()
        (copy / "postgres.json").write_bytes((home / "postgres.json").read_bytes())
        assert running_url(copy) is None


async def test_one_of_two_starts_at_once_owns_the_server(home: Path) -> None:
    one, other = await asyncio.gather(start(home), start(home))
    try:
        assert sorted([one.owned, other.owned]) == [False, True]
        assert one.pid == other.pid
        adopter = other if one.owned else one
        await adopter.stop()
        assert running_url(home) == one.url
    finally:
        await one.stop()
        await other.stop()


async def test_a_server_whose_owner_is_dead_belongs_to_the_next_start(
    home: Path,
) -> None:
    async with started(home) as server:
        record = json.loads((home / "postgres.json").read_text())
        record["owner"]["started"] -= 3600
        (home / "postgres.json").write_text(json.dumps(record))
        adopted = await start(home)
        assert (adopted.pid, adopted.owned) == (server.pid, True)
        await adopted.stop()
        assert not adopted.process.alive()


async def test_a_server_without_a_record_is_adopted(home: Path) -> None:
    async with started(home) as server:
        (home / "postgres.json").unlink()
        adopted = await start(home)
        assert (adopted.pid, adopted.url) == (server.pid, server.url)


async def test_a_killed_server_is_recovered_with_its_data(home: Path) -> None:
    async with started(home, durable=True) as server:
        await remember(server)
        server.process.send(signal.SIGKILL)
        await eventually(lambda: not server.process.alive())
        async with started(home) as again:
            assert again.pid != server.pid
            assert await remembered(again) == 42


async def test_a_pid_file_that_names_another_process_by_now_is_no_obstacle(
    home: Path,
) -> None:
    async with started(home) as server:
        data = server.data_dir
    # The same user: for another's process PostgreSQL itself sees that it is no server.
    stranger = spawn(
        ["/bin/sleep", "600"], death_signal=signal.SIGKILL, identity=SERVER_USER
    )
    try:
        lock = data / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{data}\n1\n5432\n\n127.0.0.1\n")
        async with started(home) as again:
            assert again.process.alive()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_half_finished_data_folder_is_thrown_away(home: Path) -> None:
    draft = draft_of(home)
    async with started(home):
        assert not draft.exists()


async def test_a_cancelled_start_leaves_no_process_and_no_draft(home: Path) -> None:
    task = asyncio.create_task(start(home))
    drafts = await eventually(lambda: list(home.glob("postgres.new-*/data")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not drafts[0].exists()
    assert running_url(home) is None


async def test_data_of_another_version_are_refused_and_left_alone(home: Path) -> None:
    async with started(home) as server:
        version = server.data_dir / "PG_VERSION"
    written = version.read_text()
    version.write_text("12\n")
    with pytest.raises(EmbeddedPostgresError) as caught:
        await start(home)
    assert "written by PostgreSQL 12" in str(caught.value)
    assert str(server.data_dir) in caught.value.remedy
    version.write_text(written)
    async with started(home) as again:
        assert again.data_dir == server.data_dir


async def test_a_folder_of_unknown_origin_is_refused_and_left_alone(
    home: Path,
) -> None:
    foreign = home / "postgres" / "PG_VERSION"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("15\n")
    if AM_ROOT:
        os.chown(foreign.parent, NOBODY, NOBODY)
    with pytest.raises(EmbeddedPostgresError, match="not an embedded database"):
        await start(home)
    assert foreign.read_text() == "15\n"


async def test_a_trap_in_the_folder_for_everybody_is_refused(home: Path) -> None:
    scratch = trap_for(home)
    if AM_ROOT:
        with pytest.raises(EmbeddedPostgresError, match="made by somebody else"):
            await start(home, places=Places(scratch=scratch))
    else:
        server = await start(home, places=Places(scratch=scratch))
        await server.stop()
        assert server.data_dir.parent == home


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    async with started(home) as server:
        settings = server.data_dir / "postgresql.auto.conf"
    settings.write_text("shared_buffers = nonsense\n")
    with pytest.raises(EmbeddedPostgresError, match="shared_buffers"):
        await start(home)


async def test_a_machine_without_postgresql_is_told_three_ways(home: Path) -> None:
    nowhere = Places("no-pg_config", home / "none", "", (str(home),))
    with pytest.raises(EmbeddedPostgresError) as caught:
        await start(home, places=nowhere)
    for way in ("DATABASE_URL", "apt-get install postgresql", "pip install"):
        assert way in caught.value.remedy


async def test_a_home_that_cannot_be_made_is_an_error_with_a_remedy() -> None:
    with pytest.raises(EmbeddedPostgresError) as caught:
        await start(Path("/dev/null/home"))
    assert "DATABASE_URL" in caught.value.remedy
