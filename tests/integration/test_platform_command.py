"""``pm33 platform`` from outside."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.lifting import bring_down
from app.backend.deploy.platforms.local.sockets import run_dir
from app.backend.processes.files import FileLock
from tests.support.local_platform import (
    Repository,
    deployed,
    light_repository,
    short_home,
)
from tests.support.processes import eventually, start
from tests.support.service import pm33

FOREGROUND = ("-m", "app.cli", "platform", "up", "--foreground", "--no-database")


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as folder:
        try:
            yield folder
        finally:
            asyncio.run(bring_down(folder, timeout=20))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = light_repository(tmp_path)
    repository.commit("one")
    return repository


async def test_up_says_where_it_is_and_down_leaves_nothing(
    home: Path, repository: Repository
) -> None:
    where = ("--repository", str(repository.path), "--no-database")

    up = await pm33("platform", "up", "--port", "0", *where, PM33_HOME=home)

    assert up.code == 0, up.err
    platform = LocalPlatform(home)
    url = await platform.url()
    assert f"Service      {url}  (development)" in up.out
    assert "nothing yet" in up.out
    new = await deployed(platform, repository.commit("two"))
    status = await pm33("platform", "status", PM33_HOME=home)
    assert f"→ {new.id}  {new.commit[:12]}  SUCCESS" in status.out
    assert f"    {new.id}-1  healthy, pid " in status.out
    assert "Supervisor   pid " in status.out
    assert re.search(r"Proxy        pid \d+, \d+ answers since \d\d:", status.out)
    again = await pm33("platform", "up", "--port", "1", PM33_HOME=home)
    assert again.code == 0
    assert "runs already" in again.err
    whole = await pm33("platform", "status", "--json", PM33_HOME=home)
    assert json.loads(whole.out)["active"] == new.id

    down = await pm33("platform", "down", PM33_HOME=home)

    assert (down.code, down.out) == (0, "The platform is down.\n")
    after = await pm33("platform", "status", PM33_HOME=home)
    assert after.code == 3
    assert "pm33 platform up" in after.err
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient(trust_env=False).get(url)
    assert not run_dir(home).exists()


async def test_a_taken_port_is_told_and_nothing_is_left_running(
    home: Path, repository: Repository
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        up = await pm33(
            *("platform", "up", "--port", port, "--no-database"),
            *("--repository", str(repository.path)),
            PM33_HOME=home,
        )

    assert up.code == 1
    assert f"port {port}" in up.err
    assert "remedy: stop what listens there" in up.err
    down = await pm33("platform", "down", PM33_HOME=home)
    assert down.out == "The platform was not up.\n"


async def test_a_folder_that_is_no_repository_is_refused(
    home: Path, tmp_path: Path
) -> None:
    up = await pm33(
        "platform", "up", "--repository", str(tmp_path), PM33_HOME=home, PORT=1
    )

    assert up.code == 78
    assert "is no git repository" in up.err


async def test_variables_that_cannot_be_understood_are_refused(
    home: Path, repository: Repository, tmp_path: Path
) -> None:
    file = tmp_path / "some.env"
    file.write_text("A=b\nhunter2\n", encoding="utf-8")

    up = await pm33(
        *("platform", "up", "--repository", str(repository.path)),
        *("--env-file", str(file)),
        PM33_HOME=home,
    )

    assert up.code == 78
    assert "some.env, line 2" in up.err
    assert "hunter2" not in up.err


async def test_a_home_belongs_to_one_environment(
    home: Path, repository: Repository
) -> None:
    where = ("--port", "0", "--repository", str(repository.path), "--no-database")
    await pm33("platform", "up", *where, PM33_HOME=home)
    await deployed(LocalPlatform(home), repository.commit("two"))
    known = {"PM33_HOME": home, "PM33_PLATFORM": "local"}

    back, listed, again = await asyncio.gather(
        pm33("rollback", "-e", "production", **known),
        pm33("deployments", "-e", "production", **known),
        pm33("platform", "up", "-e", "production", **known),
    )
    await pm33("platform", "down", PM33_HOME=home)
    anew = await pm33("platform", "up", "-e", "staging", **known)

    for refused in (back, listed, again, anew):
        assert refused.code == 5, refused.err
        assert "development" in refused.err
        assert "PM33_HOME" in refused.err
    assert not (home / "journal" / "production.jsonl").exists()


async def test_a_home_without_deployments_may_become_another_environments(
    home: Path, repository: Repository
) -> None:
    where = ("--port", "0", "--repository", str(repository.path), "--no-database")
    await pm33("platform", "up", *where, PM33_HOME=home)
    await pm33("platform", "down", PM33_HOME=home)

    up = await pm33("platform", "up", "-e", "production", PM33_HOME=home)

    assert up.code == 0, up.err
    assert "(production)" in up.out


async def test_up_says_that_a_run_of_the_same_home_has_the_same_database(
    home: Path, repository: Repository
) -> None:
    run = FileLock(home / "run.lock")
    assert run.acquire()
    try:
        up = await pm33(
            *("platform", "up", "--port", "0", "--repository", str(repository.path)),
            PM33_HOME=home,
        )
    finally:
        run.release()

    assert up.code == 0
    assert "`make run` is at work in this home" in up.err


@pytest.mark.parametrize(
    ("kept", "told"),
    [("COLOUR=blue", "is this shell's"), ("DATABASE_URL=kept", "not this shell's")],
)
async def test_it_is_said_which_database_the_service_has(
    home: Path, repository: Repository, tmp_path: Path, kept: str, told: str
) -> None:
    file = tmp_path / "some.env"
    file.write_text(kept, encoding="utf-8")

    up = await pm33(
        *("platform", "up", "--port", "0", "--repository", str(repository.path)),
        *("--env-file", str(file)),
        PM33_HOME=home,
        DATABASE_URL="postgresql://user:hunter2@127.0.0.1:1/own",
    )

    assert told in up.err
    assert "hunter2" not in up.out + up.err


async def test_in_the_foreground_a_signal_stops_it_all(
    home: Path, repository: Repository, tmp_path: Path
) -> None:
    arguments = (*FOREGROUND, "--port", "0", "--repository", str(repository.path))
    with start(
        arguments, output=tmp_path / "output", env={"PM33_HOME": str(home)}
    ) as child:
        await eventually(lambda: "nothing yet" in child.output())
        assert (await LocalPlatform(home).status())["proxy"]["pid"]

        child.signal(signal.SIGINT)

        assert await child.exit_code() == 0
    assert not await bring_down(home, timeout=5)


async def test_in_the_foreground_it_ends_with_a_parent_that_was_killed(
    home: Path, repository: Repository, tmp_path: Path
) -> None:
    arguments = (*FOREGROUND, "--port", "0", "--repository", str(repository.path))
    with start(
        arguments, output=tmp_path / "output", env={"PM33_HOME": str(home)}
    ) as child:
        await eventually(lambda: "nothing yet" in child.output())
        url = await LocalPlatform(home).url()
        child.signal(signal.SIGKILL)

    def refused() -> bool:
        port = httpx.URL(url).port
        with socket.socket() as visitor:
            return visitor.connect_ex(("127.0.0.1", port or 0)) != 0

    await eventually(refused)
