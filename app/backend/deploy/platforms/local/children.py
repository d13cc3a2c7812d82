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

from app.backend.processes import ProcessMark, spawn

__all__ = ["Child"]

_POLL: Final = 0.02
_LAST_WORDS: Final = 1.0
_KILL_WAIT: Final = 5.0
_LONGEST_LINE: Final = 16_384


class Child:
    """A process that dies with this one, by SIGKILL, and whose output is passed on.

    What it has started itself goes with it, as long as that stays in its session.

    Args:
        process: as :func:`app.backend.processes.spawn` returns it.
        output: reads what it writes.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: "_Output") -> None:
        self._process = process
        self._output = output
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
            process = spawn(
                command, death_signal=signal.SIGKILL, cwd=cwd, output=writing, env=env
            )
        except BaseException:
            output.abandon()
            raise
        finally:
            os.close(writing)
        return cls(process, output)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._ended()

    async def exited(self) -> int:
        """Waits for its end; the code is negative when a signal ended it."""
        while not self._ended():  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_POLL)
        await self._output.close(_LAST_WORDS)
        return int(self._process.returncode)

    async def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds; harmless when it has ended."""
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_WAIT)):
            if self._ended():
                break
            os.kill(self._process.pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.exited()
        await self._output.close(0)

    def _ended(self) -> bool:
        if self._process.returncode is not None:
            return True
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self._process.pid, how) is None:
            return False
        # Before it is reaped nobody else can have its id, so the group is still its.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return True


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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._closed.wait()
        self.abandon()

    def abandon(self) -> None:
        """Reads no further."""
        if self._transport is not None:
            self._transport.close()

    def _pass(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._write(text)
