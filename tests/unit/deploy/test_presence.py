from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.presence import is_deserted
from app.backend.processes.files import FileLock


def test_a_home_without_a_platform_is_deserted_and_stays_as_it_is(
    tmp_path: Path,
) -> None:
    assert is_deserted(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("who", ["keeper", "supervisor"])
def test_with_either_of_the_two_alive_it_is_brought_back(
    tmp_path: Path, who: str
) -> None:
    places = Places(tmp_path)
    places.make()
    assert is_deserted(tmp_path)
    held = {"keeper": places.keeper_lock, "supervisor": places.supervisor_lock}
    lock = FileLock(held[who])
    assert lock.acquire()
    assert not is_deserted(tmp_path)
    lock.release()
    assert is_deserted(tmp_path)


def test_what_cannot_be_told_is_waited_for(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.make()
    places.keeper_lock.symlink_to(tmp_path / "elsewhere")
    assert not is_deserted(tmp_path)
