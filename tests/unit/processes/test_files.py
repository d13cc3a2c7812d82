from pathlib import Path

import pytest

from app.backend.processes.files import FileLock, is_held, locked, write_private


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_whether_a_lock_is_held_is_told_without_making_or_keeping_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    assert not path.exists()
    lock = FileLock(path)
    assert lock.acquire()
    assert is_held(path)
    lock.release()
    assert not is_held(path)
    assert lock.acquire()
    lock.release()


async def test_waiting_for_a_lock_ends_at_the_deadline(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    with pytest.raises(TimeoutError, match="held by another process"):
        async with locked(tmp_path / "lock", 0.1):
            pass
    lock.release()


def test_a_private_file_is_closed_to_others_even_if_it_was_open(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_that_cannot_be_replaced_leaves_no_draft(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="taken"):
        write_private(tmp_path / "taken", "a secret")

    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_lock_that_cannot_be_had_keeps_no_descriptor(tmp_path: Path) -> None:
    held, lock = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert held.acquire()
    before = len(list(Path("/dev/fd").iterdir()))

    assert not lock.acquire()

    assert len(list(Path("/dev/fd").iterdir())) == before
    held.release()
