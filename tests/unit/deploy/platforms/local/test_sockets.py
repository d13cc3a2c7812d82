import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.sockets import (
    SLOTS,
    lay_out,
    make_run_dir,
    point,
    pointed_at,
    run_dir,
)
from app.errors import PlatformError


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm33t-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A home whose sockets cannot lie below it."""
    home = tmp_path / ("long" * 20)
    home.mkdir()
    yield home
    shutil.rmtree(run_dir(home), ignore_errors=True)


def test_sockets_lie_below_a_home_with_a_short_path(short: Path) -> None:
    folder = make_run_dir(short)

    assert folder == short / "run"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_long_home_gets_a_short_folder_of_its_own(deep: Path) -> None:
    folder = make_run_dir(deep)

    assert len(os.fsencode(folder / ("d" * 32) / "11.sock")) < 100
    assert folder == run_dir(deep)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_who_only_asks_makes_nothing(tmp_path: Path) -> None:
    folder = run_dir(tmp_path / "nowhere")

    assert not folder.exists()
    assert not (tmp_path / "nowhere").exists()


def test_a_home_that_cannot_hold_it_is_refused(short: Path) -> None:
    (short / "home").write_text("")

    with pytest.raises(PlatformError, match="cannot make") as refused:
        make_run_dir(short / "home")

    assert "PM33_HOME" in refused.value.remedy


def test_an_open_folder_is_closed(short: Path) -> None:
    (short / "run").mkdir(mode=0o777)

    assert stat.S_IMODE(make_run_dir(short).stat().st_mode) == 0o700


def test_a_link_in_its_place_is_refused(short: Path) -> None:
    (short / "elsewhere").mkdir()
    (short / "run").symlink_to(short / "elsewhere")

    with pytest.raises(PlatformError, match="no folder of this user") as refused:
        make_run_dir(short)

    assert "PM33_HOME" in refused.value.remedy


@pytest.fixture
def foreign(short: Path) -> Path:
    """A home where the folder for sockets is somebody else's."""
    if os.getuid() != 0:
        # Only root can give a folder away, but /run is nobody's but root's (FHS 3.0).
        return Path("/")
    (short / "run").mkdir()
    os.chown(short / "run", 65534, 65534)
    return short


def test_a_folder_of_somebody_else_is_refused(foreign: Path) -> None:
    with pytest.raises(PlatformError, match="no folder of this user"):
        make_run_dir(foreign)


def test_a_file_in_its_place_is_refused(short: Path) -> None:
    (short / "run").write_text("")

    with pytest.raises(PlatformError, match="no folder of this user"):
        make_run_dir(short)


@pytest.mark.parametrize("replicas", [1, 2, 3, 5, SLOTS])
def test_every_slot_leads_to_a_replica(tmp_path: Path, replicas: int) -> None:
    folder = tmp_path / "deployment"
    sockets = lay_out(folder, replicas)
    for path in sockets:
        path.write_text(path.name)

    led = [(folder / f"{slot}.sock").read_text() for slot in range(SLOTS)]

    assert [path.name for path in sockets] == [f"{i}.sock" for i in range(replicas)]
    assert led == [f"{slot % replicas}.sock" for slot in range(SLOTS)]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_can_be_laid_out_again_for_another_number(tmp_path: Path) -> None:
    folder = tmp_path / "deployment"
    for path in lay_out(folder, 3):
        path.write_text("")

    one, two, three, four = lay_out(folder, 4)
    assert one.is_file()
    assert two.is_file()
    assert three.is_file()
    assert not four.is_symlink()

    lay_out(folder, 2)
    assert three.readlink() == Path("0.sock")
    assert four.readlink() == Path("1.sock")


@pytest.mark.parametrize("replicas", [0, -1, SLOTS + 1])
def test_what_does_not_fit_is_refused(tmp_path: Path, replicas: int) -> None:
    with pytest.raises(PlatformError, match=f"{replicas} replicas") as refused:
        lay_out(tmp_path / "deployment", replicas)

    assert "numReplicas" in refused.value.remedy


def test_before_the_first_switch_nothing_is_pointed_at(tmp_path: Path) -> None:
    assert pointed_at(tmp_path / "active") is None

    (tmp_path / "active").write_text("")
    assert pointed_at(tmp_path / "active") is None


def test_the_last_switch_holds_and_leaves_nothing_beside(tmp_path: Path) -> None:
    active = tmp_path / "active"
    for name in ("first", "second"):
        point(active, tmp_path / name)
        assert pointed_at(active) == tmp_path / name

    assert [path.name for path in tmp_path.iterdir()] == ["active"]
