import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from app.backend.config.pipes import open_awaited


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def content(path: Path | str, patience: float = 5.0) -> bytes:
    opener = partial(open_awaited, patience=patience)
    with open(path, "rb", opener=opener) as file:
        return file.read()


def test_a_pipe_that_nobody_writes_to_is_given_up(pipe: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="nobody writes"):
        content(pipe, patience=0.2)

    assert time.monotonic() - began < 3


def test_a_writer_that_comes_late_is_waited_for_and_read_to_the_end(pipe: Path) -> None:
    def write() -> None:
        time.sleep(0.1)
        with pipe.open("wb") as file:
            file.write(b"A=1\n")
            file.flush()
            time.sleep(0.3)
            file.write(b"B=2\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert content(pipe) == b"A=1\nB=2\n"
    writer.join(5)


@pytest.mark.parametrize("pause", [0.0, 0.5], ids=["at once", "late"])
def test_what_a_shell_pipes_in_may_be_slow(pause: float) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        time.sleep(pause)
        os.write(writing, b"A=1\n")
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    assert content(f"/dev/fd/{reading}", patience=0.1) == b"A=1\n"
    writer.join(5)
    os.close(reading)


def test_a_file_is_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"A=1\n")

    assert content(tmp_path / "file", patience=0) == b"A=1\n"
