"""Processes that are ours: started on a leash, recognised later, ended in order."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "ProcessMark",
    "end",
    "gone_by",
    "launchable",
    "session_of",
    "spawn",
]

_LAUNCHER = Path(__file__).with_name("launch.py")
_PROBE_TIMEOUT = 10.0
_POLL = 0.02
# btime of /proc/stat, which a start time is counted from, wanders by a second.
_SAME_START = 2.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process that can be told from a later one with the same id.

    Attributes:
        pid: the process id.
        started: its start in seconds after boot, so that setting the clock does not
            make it a stranger.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessMark | None":
        """Marks a running process; None when there is none, or a zombie only.

        Raises:
            OSError: that cannot be told; no descriptor is left, say.
        """
        import psutil  # noqa: PLC0415  # not needed until something is started

        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, process.create_time() - psutil.boot_time())
        except psutil.Error:
            return None

    @classmethod
    def own(cls) -> "ProcessMark":
        """Marks the process that asks."""
        mark = cls.of(os.getpid())
        if mark is None:
            raise ProcessLookupError("this process is not listed among its own")
        return mark

    def alive(self) -> bool:
        """Whether this very process still runs; True also when nobody can tell."""
        try:
            return self._found()
        except OSError:
            return True

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal if the process still runs for certain; whether it did."""
        try:
            certain = self._found()
        except OSError:
            return False
        if certain:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        return certain

    def same(self, other: "ProcessMark") -> bool:
        """Whether both are marks of one process."""
        near = abs(other.started - self.started) < _SAME_START
        return other.pid == self.pid and near

    def _found(self) -> bool:
        now = ProcessMark.of(self.pid)
        return now is not None and self.same(now)


def spawn(
    command: Sequence[str],
    *,
    death_signal: signal.Signals,
    identity: str = "self",
    clean: bool = False,
    cwd: Path | None = None,
    output: int | None = None,
    errors: int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a command in a session of its own, on a leash.

    To be called from a thread that lives as long as the process: the leash is tied
    to the thread (prctl(2), PR_SET_PDEATHSIG). Outside Linux there is no leash.

    Args:
        command: what to run; its first part is a path if ``clean``.
        death_signal: what the command gets when this process dies.
        identity: ``self``, ``UID:GID`` or ``namespace``, see ``launch.py``.
        clean: leave this process's environment behind.
        cwd: where to run it; None: here.
        output: the descriptor that takes stdout and stderr; None: this process's own.
        errors: the descriptor that takes stderr instead.
        env: the whole environment, which programs are found by; None: this process's.
    """
    leash = str(os.getpid()), str(int(death_signal)), identity
    environment = "clean" if clean else "keep"
    return subprocess.Popen(  # noqa: S603  # our own launcher; no shell
        [*_launcher(), *leash, environment, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output if errors is None else errors,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )


def launchable(identity: str) -> bool:
    """Whether a command could be started with this identity; takes 10 s at most."""
    probe = [*_launcher(), str(os.getpid()), "0", identity, "clean"]
    try:
        done = subprocess.run(  # noqa: S603  # our own launcher; no shell
            probe, capture_output=True, check=False, timeout=_PROBE_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _launcher() -> tuple[str, ...]:
    return sys.executable, "-I", "-S", str(_LAUNCHER)


async def gone_by(
    deadline: float, alive: Callable[[], bool], every: float = _POLL
) -> bool:
    """Waits until nothing is alive or ``time.monotonic()`` reaches the deadline."""
    while alive():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(every)
    return True


async def end(
    marks: Iterable[ProcessMark], steps: Iterable[tuple[signal.Signals, float]]
) -> bool:
    """Ends processes by the first signal that works; never touches a stranger.

    Args:
        marks: the processes.
        steps: signals, each with the seconds that it is given.

    Returns:
        Whether all are gone.
    """
    left = [mark for mark in marks if mark.alive()]
    for number, grace in steps:
        for mark in left:
            mark.send(number)
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            await asyncio.sleep(_POLL)
            left = [mark for mark in left if mark.alive()]
    return not left


def session_of(mark: ProcessMark) -> tuple[ProcessMark, ...]:
    """A process, and all that runs in the session that it leads or has led.

    What a wrapper such as ``sh -c`` has started outlives it: the leash holds the
    wrapper alone. A session keeps its id while anybody is in it, and nobody else is
    given that id meanwhile (setsid(2)); so members that started before the process
    did, and those of a stranger who has its id now, are nobody's of ours.

    Raises:
        OSError: that cannot be told; no descriptor is left, say.
    """
    import psutil  # noqa: PLC0415  # not needed until something is ended

    # One look: a leader that ends between two would be taken for a stranger.
    leader = ProcessMark.of(mark.pid)
    if leader is not None and not mark.same(leader):
        return ()
    found = {} if leader is None else {leader.pid: leader}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == mark.pid and (one := ProcessMark.of(pid)) is not None:
                found[pid] = one
    return tuple(
        one for one in found.values() if one.started > mark.started - _SAME_START
    )
