"""The server inside the wheel, where a machine makes it hard to run one."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.installation import NOBODY, Installation, install
from tests.support.postgres import open_home

AM_ROOT = os.geteuid() == 0
TIMEOUT = 120.0


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with open_home() as folder:
        yield install(folder / "installed")


@dataclass(frozen=True)
class Place:
    home: Path
    scratch: Path
    installation: Installation


@contextlib.contextmanager
def project(installation: Installation, mode: int, owner: int) -> Iterator[Place]:
    """A user's folder with the given mode, and a copy of everything inside."""
    with open_home() as folder:
        user = folder / "user"
        inside = Installation(
            user / "installed",
            user / "installed" / installation.python.relative_to(installation.folder),
            user / "installed" / "python" / "lib",
        )
        shutil.copytree(installation.folder, inside.folder, copy_function=os.link)
        scratch = folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o1777)
        if AM_ROOT:
            os.chown(user, owner, owner)
        user.chmod(mode)
        yield Place(user / ".pm33", scratch, inside)


def embedded(place: Place, uid: int, *deny: str) -> dict[str, Any]:
    """What the child said of the server that it started, and stopped again."""
    with place.installation.start_embedded(
        place.home, place.scratch, uid=uid, deny=deny
    ) as child:
        output, _ = child.communicate(timeout=TIMEOUT)
        assert child.returncode == 0
    said: dict[str, Any] = json.loads(output.splitlines()[0])
    return said


FULL = pytest.mark.full


@pytest.mark.parametrize(
    ("mode", "denied"),
    [
        pytest.param(0o700, ("unshare",), id="private home, no unshare"),
        pytest.param(0o755, (), id="open home", marks=FULL),
        pytest.param(0o755, ("unshare",), id="open home, no unshare", marks=FULL),
        pytest.param(0o700, (), id="private home", marks=FULL),
    ],
)
def test_root_runs_the_wheel_as_somebody_else(
    installation: Installation, mode: int, denied: tuple[str, ...]
) -> None:
    me = os.geteuid()
    with project(installation, mode, me) as place:
        said = embedded(place, me, *denied)
        private = AM_ROOT and mode == 0o700
        inside = Path(said["data_dir"]).is_relative_to(place.home)
        assert (said["source"], said["uid"]) == ("wheel", NOBODY if AM_ROOT else me)
        assert inside is not private


@pytest.mark.parametrize(
    ("mode", "denied"),
    [
        pytest.param(0o700, ("unshare",), id="private home, no unshare"),
        pytest.param(0o755, (), id="open home", marks=FULL),
    ],
)
def test_a_plain_user_runs_the_wheel_as_itself(
    installation: Installation, mode: int, denied: tuple[str, ...]
) -> None:
    user = NOBODY if AM_ROOT else os.geteuid()
    with project(installation, mode, user) as place:
        said = embedded(place, user, *denied)
        assert (said["source"], said["uid"]) == ("wheel", user)
        assert Path(said["data_dir"]).is_relative_to(place.home)
        assert not list(place.scratch.iterdir())


def test_root_that_may_not_change_the_user_runs_in_a_namespace(
    installation: Installation,
) -> None:
    me = os.geteuid()
    with project(installation, 0o700, me) as place:
        said = embedded(place, me, "setuid")
        assert (said["source"], said["uid"]) == ("wheel", me)
        assert Path(said["data_dir"]).is_relative_to(place.home)


def test_root_that_may_do_neither_is_told_what_to_do(
    installation: Installation,
) -> None:
    me = os.geteuid()
    with project(installation, 0o700, me) as place:
        said = embedded(place, me, "setuid", "unshare")
        if AM_ROOT:
            assert "DATABASE_URL" in said["remedy"]
            assert "plain user" in said["remedy"]
        else:
            assert said["uid"] == me


def test_the_server_ends_when_its_starter_is_killed(installation: Installation) -> None:
    me = os.geteuid()
    with project(installation, 0o755, me) as place:
        with place.installation.start_embedded(
            place.home, place.scratch, uid=me
        ) as child:
            assert child.stdout is not None
            pid = json.loads(child.stdout.readline())["pid"]
            server = psutil.Process(pid)
            child.kill()
            _, alive = psutil.wait_procs([server], timeout=TIMEOUT)
        assert not alive
