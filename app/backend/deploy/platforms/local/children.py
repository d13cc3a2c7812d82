"""One leashed process in a session of its own, and what it writes."""

import asyncio
import codecs
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from typing_extensions import override

from app.backend.processes import ProcessMark, gone_by, session_of, spawn

__all__ = ["Child"]

_POLL: Final = 0.02
_DRAIN_POLL: Final = 0.1
_LAST_WORDS: Final = 1.0
_KILL_WAIT: Final = 5.0
_LONGEST_LINE: Final = 16_384


class Child:
    """A process that dies with this one, by SIGKILL, and whose output is passed on.

    What it has started itself goes with it, as long as that stays in its session.

    Args:
        process: as :func:`app.backend.processes.spawn` returns it.
        output: reads what it writes; None: nobody here does.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], output: "_Output | None" = None
    ) -> None:
        self._process = process
        self._output = output
        self._ending = False
        self.mark = ProcessMark.of(process.pid) or ProcessMark(process.pid, 0.0)
        self.started_at = time.monotonic()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        write: Callable[[str], None],
    ) -> "Child":
        """Starts a command.

        Args:
            command: the program, found by the ``PATH`` of ``env``, and its arguments.
            env: the whole environment.
            cwd: where it runs.
            write: gets the text of both its streams, whole lines at a time.

        Raises:
            OSError: no process could be made.
        """
        reading, writing = os.pipe()
        output = _Output(write)
        loop = asyncio.get_running_loop()
        try:
            # First, so that no cancellation falls between a process and its owner.
            await loop.connect_read_pipe(lambda: output, os.fdopen(reading, "rb"))
            return cls.of(
                spawn(
                    command,
                    death_signal=signal.SIGKILL,
                    cwd=cwd,
                    output=writing,
                    env=env,
                ),
                output,
            )
        except BaseException:  # a cancellation, too; raised again
            output.abandon()
            raise
        finally:
            os.close(writing)

    @classmethod
    def of(
        cls, process: subprocess.Popen[bytes], output: "_Output | None" = None
    ) -> "Child":
        """Takes charge of a process that :func:`app.backend.processes.spawn` made.

        Raises:
            OSError: it cannot be marked, and has been killed.
        """
        try:
            return cls(process, output)
        except BaseException:  # a cancellation, too; raised again
            process.kill()
            process.wait()
            raise

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._ended()

    async def exited(self) -> int:
        """Waits for its end; the code is negative when a signal ended it."""
        while not self._ended():  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_POLL)
        await self._close(_LAST_WORDS)
        return int(self._process.returncode)

    async def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds; harmless when it has ended.

        Both reach what it has started, and so does the grace: a shell around a server
        ends at once, and the server is still to drain.
        """
        if not self._ended():
            self._ending = True
            try:
                self._signal(signal.SIGTERM)
                # No asyncio.timeout: in a task that is being cancelled, that of
                # Python 3.11.2 cancels what comes after it as well.
                deadline = time.monotonic() + grace
                await gone_by(deadline, lambda: not self._left())
                await gone_by(deadline, self._lives_on, every=_DRAIN_POLL)
                self._signal(signal.SIGKILL)
                await gone_by(time.monotonic() + _KILL_WAIT, self._lives_on)
            finally:
                self._ending = False
            if self._ended():
                await self._close(_LAST_WORDS)
        await self._close(0)

    def _ended(self) -> bool:
        if self._process.returncode is None and not self._ending and self._left():
            self._signal(signal.SIGKILL)
            self._process.wait()
        return self._process.returncode is not None

    def _left(self) -> bool:
        """Whether it is a zombie: until it is reaped nobody else can have its id."""
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is not None

    def _lives_on(self) -> bool:
        return not (self._left() and self._alone())

    def _alone(self) -> bool:
        try:
            return not session_of(self.mark)
        except OSError:
            return False  # that cannot be told

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
        if number is signal.SIGKILL:
            with contextlib.suppress(OSError):
                for member in session_of(self.mark):
                    member.send(number)

    async def _close(self, patience: float) -> None:
        if self._output is not None:
            await self._output.close(patience)


class _Output(asyncio.Protocol):
    """Cuts what a pipe brings into lines; a disk that is full loses them."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._transport: asyncio.BaseTransport | None = None
        self._closed = asyncio.Event()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        text = self._rest + self._decoder.decode(data)
        whole, newline, self._rest = text.rpartition("\n")
        if len(self._rest) > _LONGEST_LINE:
            whole, newline, self._rest = whole + newline + self._rest, "\n", ""
        if newline:
            self._pass(whole)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._pass(self._rest)
        self._closed.set()

    async def close(self, patience: float) -> None:
        """Waits so long for the last words."""
        await gone_by(time.monotonic() + patience, lambda: not self._closed.is_set())
        self.abandon()

    def abandon(self) -> None:
        """Reads no further."""
        if self._transport is not None:
            self._transport.close()

    def _pass(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._write(text)
