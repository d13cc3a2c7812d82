"""``make run`` from outside: what it starts, and that nothing of it is left."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from app.backend.database.embedded import Places, running_url
from app.backend.database.embedded.identity import scratch_folder
from app.backend.processes import ProcessMark, spawn
from app.backend.processes.files import FileLock
from tests.support.installation import NOBODY, install
from tests.support.postgres import open_home
from tests.support.processes import Child, eventually
from tests.support.processes import start as start_child

RUN = ("-m", "app.cli", "run")
PATIENCE = 90.0


@pytest.fixture
def home() -> Iterator[Path]:
    with open_home() as folder:
        (folder / "home").mkdir(mode=0o755)
        yield folder / "home"


@asynccontextmanager
async def running(home: Path, port: int = 0, **env: str) -> AsyncIterator[Child]:
    """A run, left alone until its service listens."""
    variables = {"PM33_HOME": str(home), "PORT": str(port), "PM33_LAME_DUCK": "0"}
    with start_child(RUN, output=home / "output", env=variables | env) as child:
        await child.port(PATIENCE)
        yield child


async def refused(home: Path, port: int = 0, **env: str) -> tuple[int, str]:
    """The exit code and the output of a run that ends by itself."""
    variables = {"PM33_HOME": str(home), "PORT": str(port)}
    with start_child(RUN, output=home / "output", env=variables | env) as child:
        return await child.exit_code(PATIENCE), child.output()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def all_gone(processes: list[psutil.Process]) -> None:
    assert processes
    await eventually(lambda: not any(one.is_running() for one in processes), PATIENCE)


async def execute(home: Path, statement: str) -> object:
    url = running_url(home)
    assert url is not None
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close(timeout=30)


async def test_every_url_that_it_prints_answers(home: Path) -> None:
    port = free_port()
    async with running(home, port) as child, httpx.AsyncClient(timeout=30) as client:
        await eventually(lambda: "/docs" in child.output(), PATIENCE)
        words = child.output().split()
        urls = [word for word in words if word.startswith(f"http://127.0.0.1:{port}/")]
        answers = [await client.get(url) for url in urls]
        assert len(urls) == 8
        assert [answer.url for answer in answers if answer.status_code == 404] == []


async def test_a_platform_that_has_the_same_database_is_told(home: Path) -> None:
    (home / "platform").mkdir()
    platform = FileLock(home / "platform" / "supervisor.lock")
    assert platform.acquire()
    try:
        async with running(home) as child:
            said = child.output()
    finally:
        platform.release()

    assert "the platform of this home runs, too" in said
    assert "its schema is migrated now" in said


async def test_sigterm_stops_everything_and_the_next_run_finds_the_data(
    home: Path,
) -> None:
    async with running(home) as child:
        await execute(home, "CREATE TABLE kept AS SELECT 42 AS answer")
        processes = descendants(child.pid)
        child.signal(signal.SIGTERM)
        assert await child.exit_code(PATIENCE) == 0
        await all_gone(processes)
    async with running(home):
        assert await execute(home, "SELECT answer FROM kept") == 42


async def test_a_killed_run_takes_its_children_along_and_the_next_one_recovers(
    home: Path,
) -> None:
    async with running(home) as child:
        await execute(home, "CREATE TABLE kept AS SELECT 42 AS answer")
        processes = descendants(child.pid)
        child.signal(signal.SIGKILL)
        await all_gone(processes)
    async with running(home):
        assert await execute(home, "SELECT answer FROM kept") == 42


@pytest.mark.full
async def test_everything_killed_at_once_is_recovered_by_the_next_run(
    home: Path,
) -> None:
    async with running(home) as child:
        await execute(home, "CREATE TABLE kept AS SELECT 42 AS answer")
        processes = [psutil.Process(child.pid), *descendants(child.pid)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # one may end with another
                process.kill()
    async with running(home):
        assert await execute(home, "SELECT answer FROM kept") == 42


@pytest.mark.full
async def test_a_second_ctrl_c_does_not_wait_for_the_drain(home: Path) -> None:
    async with running(home, PM33_LAME_DUCK="600") as child:
        processes = descendants(child.pid)
        ended = asyncio.create_task(child.exit_code(PATIENCE))
        while not ended.done():
            child.signal(signal.SIGINT)
            await asyncio.wait([ended], timeout=0.01)
        assert await ended == 130
        await all_gone(processes)


@pytest.mark.full
async def test_a_service_that_dies_ends_the_run_with_its_code(home: Path) -> None:
    async with running(home) as child:
        processes = descendants(child.pid)
        recorded = json.loads((home / "run.json").read_text())
        os.kill(recorded[-1]["pid"], signal.SIGKILL)
        assert await child.exit_code(PATIENCE) == 128 + signal.SIGKILL
        await all_gone(processes)


async def test_a_port_in_use_is_named_before_anything_starts(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = await refused(home, port)
    assert code == 78
    assert f"port {port}" in output
    assert f"PORT={port + 1} make run" in output
    assert not (home / "postgres").exists()


async def test_a_second_run_in_the_same_home_is_refused(home: Path) -> None:
    lock = FileLock(home / "run.lock")
    assert lock.acquire()
    try:
        code, output = await refused(home)
    finally:
        lock.release()
    assert code == 1
    assert f"another run is at work in {home}" in output


async def test_what_an_earlier_run_left_is_ended(home: Path) -> None:
    left = spawn(["sleep", "600"], death_signal=signal.SIGKILL)
    try:
        mark = ProcessMark.of(left.pid)
        assert mark is not None
        record = [{"pid": mark.pid, "started": mark.started}]
        (home / "run.json").write_text(json.dumps(record))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            await refused(home, taken.getsockname()[1])
        assert left.poll() == -signal.SIGTERM
    finally:
        left.kill()
        left.wait()


async def test_a_failed_migration_ends_the_run(home: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    code, output = await refused(home, DATABASE_URL=nowhere)
    assert code == 1
    assert "the schema could not be brought up to date" in output
    assert not (home / "postgres").exists()


@contextmanager
def unread(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose standard output is a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    env = {name: os.environ[name] for name in ("PATH", "HOME")}
    env |= {"PM33_HOME": str(home), "PORT": "0"}
    run = subprocess.Popen([sys.executable, *RUN], env=env, stdout=writer)
    os.close(reader)
    os.close(writer)
    try:
        yield run
    finally:
        run.kill()
        run.wait()


async def test_a_run_whose_output_nobody_reads_any_more_still_stops(
    home: Path,
) -> None:
    with unread(home) as run:
        await eventually(lambda: running_url(home), PATIENCE)
        run.terminate()
        await eventually(lambda: run.poll() is not None, PATIENCE)
        assert run.returncode == 0


@contextmanager
def private_folder(uid: int) -> Iterator[Path]:
    """A user's folder that nobody else may enter."""
    with open_home() as folder:
        private = folder / "user"
        private.mkdir(mode=0o700)
        os.chown(private, uid, -1)
        yield private
        # Root's data are outside, since the server's user cannot enter either.
        apart = scratch_folder(Places().scratch, private / ".pm33", NOBODY)
        shutil.rmtree(apart, ignore_errors=True)


@pytest.mark.full
@pytest.mark.parametrize("user", ["root", "plain"])
def test_a_private_home_is_enough_for_either_user(user: str) -> None:
    me = os.geteuid()
    uid = NOBODY if user == "plain" and me == 0 else me
    with private_folder(uid) as private:
        installation = install(private / "installed", packages=("*",))
        env = {
            "PM33_HOME": str(private / ".pm33"),
            "PM33_POSTGRES": "wheel",
            "PM33_LAME_DUCK": "0",
            "PORT": "0",
        }
        with installation.start(*RUN, uid=uid, env=env) as run:
            assert run.stdout is not None
            said = []
            for line in run.stdout:
                said.append(line)
                if "listening on" in line:
                    run.terminate()
            assert run.wait(PATIENCE) == 0, said
