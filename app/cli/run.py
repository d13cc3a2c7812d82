"""``make run``: PostgreSQL, the schema, the service; all end together."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import click

from app.backend.config.environment import Config, get_config
from app.backend.database.embedded import EmbeddedServer, start
from app.backend.processes import ProcessMark, end, gone_by, spawn
from app.backend.processes.files import FileLock, is_held, write_private
from app.errors import ConfigError, MigrationError, OpsError

__all__ = ["LOCK", "run"]

_RECORD = "run.json"
LOCK = "run.lock"
"""Held in the home as long as a run is at work there."""

_PATHS = (
    "/api/health",
    "/api/health/detailed",
    "/api/health/live",
    "/api/health/ready",
    "/api/health/startup",
    "/api/version",
    "/metrics",
    "/docs",
)
_ORIGINS = {"local": "of this machine", "wheel": "from its wheel"}
_MIGRATE_TIMEOUT = 600.0
_LISTEN_TIMEOUT = 30.0
_POLL = 0.1
# Between a child's own deadline and SIGKILL.
_GRACE = 5.0
# make and a process group both pass a signal on, so it may arrive twice at once.
_SAME_SIGNAL = 0.5
_INTERRUPTED = 130


@click.command()
def run() -> None:
    """Serve the project here, with a database of its own; Ctrl-C stops it all."""
    raise SystemExit(asyncio.run(_Run(get_config()).until_stopped()))


class _Run:
    """One supervised run; everything that it starts is in ``_children`` or ``_server``.

    Args:
        config: where to listen, where the database is, where state is kept.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._home = config.home.absolute()
        self._children: set[ProcessMark] = set()
        self._server: EmbeddedServer | None = None
        self._asked_at: float | None = None
        self._killed = False

    async def until_stopped(self) -> int:
        """Runs until a signal, or until the service ends by itself.

        Returns:
            0 after a signal, 130 after a second one, else the service's exit code.

        Raises:
            OpsError: another run is at work in this home.
            ConfigError: the port cannot be listened on, or the home not written to.
            EmbeddedPostgresError: there is no database.
            MigrationError: the schema could not be brought up to date.
        """
        lock = _take_lock(self._home)
        try:
            await self._end_leftovers()
            self._remember()
            _check_port(self._config)
            return await self._with_signals()
        finally:
            lock.release()

    async def _with_signals(self) -> int:
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(self._work())
        numbers = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            numbers.add(signal.SIGHUP)
        for number in numbers:
            # The loop's own handlers would be gone before the interpreter is.
            signal.signal(
                number,
                lambda *_: loop.call_soon_threadsafe(self._on_signal, work),
            )
        try:
            return await work
        except asyncio.CancelledError:
            if self._asked_at is None:
                raise
            _say("Stopped.")
            return _INTERRUPTED if self._killed else 0
        finally:
            # Nothing is left to be stopped but the interpreter, and one that is
            # interrupted at its end prints a traceback or has another exit code.
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, work: asyncio.Task[int]) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            work.cancel()
            _say("Stopping; a second signal does not wait.")
        elif now - self._asked_at > _SAME_SIGNAL:
            self._killed = True
            for child in self._children:
                child.send(signal.SIGKILL)
            if self._server is not None:
                self._server.kill()

    async def _work(self) -> int:
        async with contextlib.AsyncExitStack() as stack:
            if self._config.database.url is None:
                self._server = await start(
                    self._home, source=self._config.database.postgres
                )
                stack.push_async_callback(self._server.stop)
                origin = _ORIGINS[self._server.source]
                where = f"{self._server.version} {origin}, data in"
                _say(f"PostgreSQL  {where} {self._server.data_dir}")
                self._warn_of_platform()
            else:
                _say("PostgreSQL  as DATABASE_URL says")
            await self._migrate()
            return await self._serve()

    def _warn_of_platform(self) -> None:
        """A platform of the same home has the same database."""
        # 0.2 s, after the database has been waited for.
        from app.backend.deploy.platforms.local.places import Places  # noqa: PLC0415

        if is_held(Places(self._home).supervisor_lock):
            _say("Shared      the platform of this home runs, too: its releases use")
            _say("            this database, and its schema is migrated now;")
            _say("            PM33_HOME gives this run a database of its own")

    async def _migrate(self) -> None:
        async with self._child("migrate", "up", grace=_GRACE) as child:
            deadline = time.monotonic() + _MIGRATE_TIMEOUT
            ended = await gone_by(deadline, lambda: child.poll() is None)
        if not ended or child.returncode:
            how = f"exit code {child.returncode}" if ended else "it took too long"
            raise MigrationError(
                f"the schema could not be brought up to date ({how})",
                remedy="mend what it says above, then run again; data are untouched",
            )

    async def _serve(self) -> int:
        # Imports uvicorn, which a run that fails earlier does not need.
        from app.backend.server import plan_drain  # noqa: PLC0415

        drain, _ = plan_drain(self._config)
        # Development shows details to everybody, so everybody is this machine.
        here = () if self._config.server.host else ("--host", "127.0.0.1")
        async with self._child("serve", *here, grace=drain.total + _GRACE) as child:
            await self._announce(child)
            while child.poll() is None:  # noqa: ASYNC110  # a process sets no event
                await asyncio.sleep(_POLL)
        code = child.returncode
        code = code if code >= 0 else 128 - code
        _say(f"The service ended by itself with exit code {code}.")
        return code

    async def _announce(self, child: subprocess.Popen[bytes]) -> None:
        """Says where the service is once it listens."""
        host, port = _address(self._config)
        if port == 0:
            _say("Service     on a free port, which it names below")
            return
        deadline = time.monotonic() + _LISTEN_TIMEOUT
        while child.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_POLL * 10):
                    _, writer = await asyncio.open_connection(host, port)
                writer.close()
                break
            await asyncio.sleep(_POLL)
        else:
            return
        base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        _say(f"Service     {base}  (Ctrl-C stops everything)")
        for path in _PATHS:
            _say(f"  {base}{path}")

    @contextlib.asynccontextmanager
    async def _child(
        self, *arguments: str, grace: float
    ) -> AsyncIterator[subprocess.Popen[bytes]]:
        """Runs one of our own commands for the block; it is gone afterwards."""
        command = [sys.executable, "-m", "app.cli", *arguments]
        child = spawn(command, death_signal=signal.SIGTERM)
        mark = ProcessMark.of(child.pid)
        marks = {mark} if mark is not None else set()
        try:
            self._children |= marks
            self._remember()
            yield child
        finally:
            await end(marks, ((signal.SIGTERM, grace), (signal.SIGKILL, _GRACE)))
            child.wait()
            self._children -= marks
            self._remember()

    def _remember(self) -> None:
        marks = [ProcessMark.own(), *self._children]
        record = [{"pid": mark.pid, "started": mark.started} for mark in marks]
        write_private(self._home / _RECORD, json.dumps(record))

    async def _end_leftovers(self) -> None:
        """Ends what a killed run left; its PostgreSQL is adopted or ended by start."""
        left = [mark for mark in _recorded(self._home) if mark.alive()]
        if left:
            _say(f"Ending what an earlier run left: {_pids(left)}")
            steps = ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE))
            if not await end(left, steps):
                raise OpsError(
                    f"processes of an earlier run do not end: {_pids(left)}",
                    remedy="end these processes, then run again",
                )


def _take_lock(home: Path) -> FileLock:
    lock = FileLock(home / LOCK)
    try:
        home.mkdir(parents=True, exist_ok=True)
        taken = lock.acquire()
    except OSError as error:
        raise ConfigError(
            f"{home} cannot be used: {error.strerror}",
            remedy="set PM33_HOME to a folder that this user may write to",
        ) from error
    if not taken:
        supervisor = _recorded(home)[:1]
        who = f" ({_pids(supervisor)})" if supervisor else ""
        raise OpsError(
            f"another run is at work in {home}{who}",
            remedy="stop that one first, or set PM33_HOME to another folder",
        )
    return lock


def _recorded(home: Path) -> list[ProcessMark]:
    try:
        record = json.loads((home / _RECORD).read_text(encoding="utf-8"))
        return [ProcessMark(**mark) for mark in record]
    except (OSError, ValueError, TypeError):
        return []


def _pids(marks: list[ProcessMark]) -> str:
    return ", ".join(f"pid {mark.pid}" for mark in marks)


def _check_port(config: Config) -> None:
    """Finds out that the port is taken before anything is started."""
    from app.backend.server import bind  # noqa: PLC0415  # imports uvicorn

    port = config.server.port
    try:
        bind(config.server.host, port).close()
    except ConfigError as error:
        taken = isinstance(error.__cause__, OSError) and (
            error.__cause__.errno == errno.EADDRINUSE
        )
        remedy = f"stop that process, or choose a port: PORT={port + 1} make run"
        raise ConfigError(
            str(error), remedy=remedy if taken else error.remedy
        ) from error


def _address(config: Config) -> tuple[str, int]:
    host = config.server.host
    everywhere = host is None or host in {"0.0.0.0", "::", "[::]"}
    return "127.0.0.1" if everywhere else str(host).strip("[]"), config.server.port


def _say(text: str) -> None:
    """Talks to the terminal; that nobody reads any more must not keep it running."""
    try:
        click.echo(f"  {text}")
    except OSError:
        # Or Python's last flush fails as well, and changes the exit code to 120.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # no path of ours
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
