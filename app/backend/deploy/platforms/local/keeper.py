"""Keeps a supervisor running: the smallest process there is, so that it does not die.

::

    python -m app.backend.deploy.platforms.local.keeper HOME [detached]

It starts the supervisor, adopts one that runs, and starts it again when it has ended
without being asked to; the supervisor starts a new keeper in its turn.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import app
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.restarts import Backoff, how_ended
from app.backend.deploy.platforms.local.state import load_state
from app.backend.processes import ProcessMark
from app.backend.processes.files import FileLock
from app.errors import PlatformError

__all__ = [
    "KEEPER",
    "ensure_keeper",
    "keep",
    "main",
    "module_environment",
    "supervisor_of",
]

_ROOT: Final = Path(app.__file__).resolve().parents[1]
_PACKAGE: Final = "app.backend.deploy.platforms.local"
KEEPER: Final = f"{_PACKAGE}.keeper"
"""The module to run."""

_DAEMON: Final = f"{_PACKAGE}.daemon"
_POLL: Final = 0.05
_LOOKING: Final = 0.5
_DETACHED: Final = "detached"
_FULL: Final = 5_000_000


def ensure_keeper(places: Places) -> bool:
    """Starts a keeper that outlives this process, unless one runs; whether it did.

    Raises:
        OSError: no process could be made.
    """
    lock = FileLock(places.keeper_lock)
    if not lock.acquire():
        return False
    lock.release()
    _start(KEEPER, places, _DETACHED).wait()
    return True


def keep(places: Places) -> int:
    """Keeps a supervisor until it is asked to be down, or this process is.

    SIGTERM and SIGINT are passed on to it, and its end is waited for.

    Returns:
        0, also when another keeper runs in this home.
    """
    lock = FileLock(places.keeper_lock)
    deadline = time.monotonic() + _LOOKING
    # Who only looks whether a keeper runs holds the lock for a moment.
    while not lock.acquire():
        if time.monotonic() >= deadline:
            return 0
        time.sleep(_POLL)
    # Never released: it is free when this process is really gone.
    _Keeper(places).keep()
    return 0


class _Keeper:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._asked = False
        self._said = ""
        self._ended = ""

    def keep(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        backoff = Backoff()
        while True:
            began = time.monotonic()
            # A machine that has no descriptor or no process left for a moment must
            # not cost the one process that mends everything else.
            try:
                if self._down():
                    return
                self._run_one()
                if self._down():
                    return
            except OSError as error:
                self._say(f"it is tried again: {error}")
            backoff = backoff.after(time.monotonic() - began)
            time.sleep(backoff.pause)

    def _run_one(self) -> None:
        running = supervisor_of(self._places)
        child = None if running else _start(_DAEMON, self._places, self._ended)
        mark = running or (ProcessMark.of(child.pid) if child is not None else None)
        told = False
        while mark is not None and mark.alive():
            if self._asked and not told:
                told = mark.send(signal.SIGTERM)
            _rotate(self._places.log)
            time.sleep(_POLL)
        code = None if child is None else child.wait()
        how = "" if code is None else f", {how_ended(code)}"
        # With 0 it has been asked to, or another one runs.
        self._ended = "" if code == 0 else f"the one before had ended{how}"

    def _down(self) -> bool:
        if not self._places.root.is_dir():
            return True
        if self._asked:
            return _free(self._places.supervisor_lock)
        try:
            return load_state(self._places.state).stopped
        except PlatformError:
            return False

    def _say(self, what: str) -> None:
        if what != self._said:
            sys.stderr.write(f"{time.strftime('%F %T')} keeper: {what}\n")
        self._said = what

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def supervisor_of(places: Places) -> ProcessMark | None:
    """The supervisor that runs in a home; None when there is none.

    Raises:
        OSError: that cannot be told.
    """
    if not places.root.is_dir() or _free(places.supervisor_lock):
        return None
    with contextlib.suppress(PlatformError):
        mark = (load_state(places.state).children or {}).get("supervisor")
        if mark is not None and mark.alive():
            return mark
    return None


def _free(path: Path) -> bool:
    lock = FileLock(path)
    try:
        return lock.acquire()
    finally:
        lock.release()


def _start(module: str, places: Places, *words: str) -> subprocess.Popen[bytes]:
    _rotate(places.log)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(places.log, flags, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own module; no shell
            [sys.executable, "-P", "-m", module, str(places.home), *words],
            env=module_environment(),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=places.home,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _rotate(log: Path) -> None:
    """Keeps one older file; copied, as who writes appends by its descriptor."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > _FULL:
            shutil.copy(log, log.with_name(f"{log.stem}.1{log.suffix}"))
            os.truncate(log, 0)


def module_environment() -> dict[str, str]:
    """The environment in which a process finds this very package."""
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join((str(_ROOT), known)) if known else str(_ROOT)
    return {**os.environ, "PYTHONPATH": path}


def main(home: Path, *, detached: bool) -> int:
    """Runs a keeper in this process, or in a child that nobody waits for."""
    if detached and os.fork():
        return 0
    return keep(Places(home))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), detached=_DETACHED in sys.argv[2:]))
