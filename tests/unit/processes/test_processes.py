"""Processes on a leash, and marks."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.backend.processes import ProcessMark, end, launchable, session_of, spawn
from tests.support.processes import eventually

STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'


@contextmanager
def spawned(
    command: Sequence[str], output: Path, **options: Any
) -> Iterator[tuple[subprocess.Popen[bytes], ProcessMark]]:
    with output.open("wb") as stream:
        child = spawn(
            command, death_signal=signal.SIGKILL, output=stream.fileno(), **options
        )
    mark = ProcessMark.of(child.pid)
    assert mark is not None
    try:
        yield child, mark
    finally:
        child.kill()
        child.wait()


async def test_the_next_signal_ends_what_ignores_the_first(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with spawned(["sh", "-c", STUBBORN], output) as (child, mark):
        await eventually(lambda: "ready" in output.read_text())
        steps = ((signal.SIGTERM, 0.1), (signal.SIGKILL, 30.0))
        assert await end([mark], steps)
        assert child.wait() == -signal.SIGKILL


async def test_what_survives_every_signal_is_reported(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with spawned(["sh", "-c", STUBBORN], output) as (_, mark):
        await eventually(lambda: "ready" in output.read_text())
        assert not await end([mark], ((signal.SIGTERM, 0.1),))


async def test_a_later_process_with_the_same_id_is_not_touched(tmp_path: Path) -> None:
    with spawned(["sleep", "600"], tmp_path / "output") as (child, mark):
        earlier = replace(mark, started=mark.started - 60)
        assert await end([earlier], ((signal.SIGKILL, 1.0),))
        assert child.poll() is None


async def test_what_a_wrapper_has_started_is_found_when_the_wrapper_is_gone(
    tmp_path: Path,
) -> None:
    output = tmp_path / "output"
    with spawned(["sh", "-c", "sleep 600 & echo $!; wait"], output) as (child, mark):
        await eventually(lambda: output.read_text().strip() != "")
        inner = int(output.read_text())
        assert {one.pid for one in session_of(mark)} == {child.pid, inner}

        child.kill()
        child.wait()

        assert [one.pid for one in session_of(mark)] == [inner]
        assert not session_of(replace(mark, started=mark.started + 60))
        assert await end(session_of(mark), ((signal.SIGKILL, 5.0),))
        assert not session_of(mark)


def test_what_a_wrapper_has_started_is_found_while_the_wrapper_is_ending() -> None:
    # Of 50 wrappers some end between any two looks at them: about every eighth.
    for _ in range(50):
        command = ("sh", "-c", "sleep 600 & echo $!; wait")
        with subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE
        ) as wrapper:
            assert wrapper.stdout is not None
            inner = ProcessMark.of(int(wrapper.stdout.readline()))
            mark = ProcessMark.of(wrapper.pid)
            assert inner is not None
            assert mark is not None
            try:
                wrapper.kill()
                assert inner.pid in {one.pid for one in session_of(mark)}
            finally:
                inner.send(signal.SIGKILL)


def test_a_strangers_session_is_nobodys(tmp_path: Path) -> None:
    with spawned(["sleep", "600"], tmp_path / "output") as (_, mark):
        assert not session_of(replace(mark, started=mark.started - 60))


def test_a_process_that_has_ended_is_not_alive_before_it_is_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    mark = ProcessMark.of(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert mark is None or not mark.alive()
    child.communicate()


def test_a_clean_environment_holds_none_of_ours(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with spawned(["/usr/bin/env"], output, clean=True) as (child, _):
        assert child.wait(30) == 0
    names = {line.partition("=")[0] for line in output.read_text().splitlines()}
    assert names == {"PATH", "LC_ALL"}


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with spawned(["/no/such/program"], output, clean=True) as (child, _):
        assert child.wait(30) == 126
    assert "cannot run /no/such/program" in output.read_text()


def test_ones_own_identity_can_be_taken_and_a_plain_user_cannot_become_root() -> None:
    assert launchable("self")
    assert launchable("0:0") is (os.geteuid() == 0)


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_that_cannot_be_looked_at_is_not_taken_for_gone(
    tmp_path: Path,
) -> None:
    with spawned(["sleep", "600"], tmp_path / "output") as (child, mark):
        with no_descriptors_left():
            alive, sent = mark.alive(), mark.send(signal.SIGKILL)

        assert alive
        assert not sent
        assert child.poll() is None
