"""Child processes that serve something: started, watched, and always ended."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Child", "eventually", "start"]

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[2]
_LISTENING = re.compile(r"listening on \S*:(\d+)")


async def eventually(condition: Callable[[], T], within: float = 30.0) -> T:
    """Waits until ``condition`` returns something true, and returns that.

    Raises:
        AssertionError: it did not, ``within`` seconds.
    """
    ends = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < ends, f"still not so after {within} s"
        await asyncio.sleep(0.02)
    return value


class Child:
    """A running child; its output is a file, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output
        self.pid = process.pid

    def output(self) -> str:
        """All that it has written until now, on both streams."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """The lines of its output that are JSON objects."""
        lines = self.output().splitlines(keepends=True)
        whole = (line for line in lines if line.startswith("{") and line[-1] == "\n")
        return [json.loads(line) for line in whole]

    async def event(self, within: float = 30.0, **fields: object) -> dict[str, Any]:
        """Waits for a JSON line with these fields."""

        def seen() -> dict[str, Any] | None:
            for event in self.events():
                if fields.items() <= event.items():
                    return event
            return None

        found = await eventually(seen, within)
        assert found is not None
        return found

    async def port(self, within: float = 30.0) -> int:
        """Waits until it says that it listens, and on which port."""

        def announced() -> re.Match[str] | None:
            assert self._process.poll() is None, self.output()
            return _LISTENING.search(self.output())

        match = await eventually(announced, within)
        assert match is not None
        return int(match[1])

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the child alone."""
        self._process.send_signal(number)

    async def exit_code(self, within: float = 30.0) -> int:
        """Waits for its end; the code is negative when a signal ended it."""
        await eventually(lambda: self._process.poll() is not None, within)
        return int(self._process.returncode)

    def stop(self, within: float = 10.0) -> None:
        """Ends it: SIGTERM, and SIGKILL after ``within`` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def start(
    arguments: Sequence[str], *, output: Path, env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Runs ``python`` with these arguments in the project's root, until the end.

    Args:
        arguments: what follows the interpreter, such as ``["-m", "package.module"]``.
        output: the file that both output streams go to.
        env: the whole environment, beside ``PATH`` and ``HOME``.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME")}
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=_ROOT,
            env={**inherited, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    child = Child(process, output)
    try:
        yield child
    finally:
        child.stop()
