"""What runs beside the releases and is started again when it ends."""

import asyncio
import contextlib
import logging
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from app.backend.database.embedded import EmbeddedServer, last_url
from app.backend.database.embedded import start as start_database
from app.backend.deploy.platforms.local.caddy import ProxyPlaces, start_proxy
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.replica import Note, unfailing
from app.backend.deploy.platforms.local.restarts import (
    Backoff,
    Beginning,
    how_ended,
)
from app.backend.processes import gone_by
from app.errors import EmbeddedPostgresError, PlatformError

__all__ = ["Database", "Proxy"]

logger = logging.getLogger("pm33.platform")

_POLL: Final = 0.05
_PROXY_GRACE: Final = 10.0
_KILL_WAIT: Final = 5.0
# To be made, and to recover; and to come back where it has been before.
_DATABASE_WAIT: Final = 60.0
_DATABASE_RETURN: Final = 10.0


class Proxy:
    """Caddy, kept running.

    Args:
        places: its files and sockets.
        note: remembers its process.

    Attributes:
        problem: why it does not run, or has ended.
        beginning: of the newest process; None: there was none yet.
    """

    def __init__(self, places: ProxyPlaces, note: Note) -> None:
        self._places = places
        self._note = unfailing(note)
        self._child: Child | None = None
        self._said = ""
        self._ended = ""
        self.problem: PlatformError | None = None
        self.beginning: Beginning | None = None

    @property
    def pid(self) -> int | None:
        """Its process, once it listens."""
        return None if self._child is None else self._child.mark.pid

    async def keep(self, host: str, port: int) -> None:
        """Starts it, and starts it again with growing delays; ends when cancelled."""
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                await self._run(host, port)
            except OSError as error:
                self.problem = PlatformError(
                    f"Caddy cannot be started: {error}",
                    remedy="look whether the disk is full, and whether the platform's "
                    "folder can be written to",
                )
            except PlatformError as error:
                self.problem = error
            if str(self.problem) != self._said:
                self._said = str(self.problem)
                logger.warning("the proxy does not run: %s", self._said)
            backoff = backoff.after(time.monotonic() - began)
            await asyncio.sleep(backoff.pause)

    async def end(self) -> None:
        """Lets it finish its requests for 10 s."""
        child, self._child = self._child, None
        if child is not None:
            await child.end(_PROXY_GRACE)
            self._note("proxy", None)

    async def _run(self, host: str, port: int) -> None:
        child = Child.of(
            await start_proxy(
                self._places, host=host, port=port, death_signal=signal.SIGKILL
            )
        )
        self._child, self._said, self.problem = child, "", None
        self._note("proxy", child.mark)
        before = self.beginning
        self.beginning = before.again(self._ended) if before else Beginning()
        logger.info("the proxy runs, pid %s", child.mark.pid)
        code = await child.exited()
        self._child = None
        self._note("proxy", None)
        self._ended = f"it ended, {how_ended(code)}"
        raise PlatformError(
            self._ended,
            remedy=f"it is started again; its last words are in {self._places.log}",
        )


class Database:
    """The platform's own PostgreSQL: started when it is first needed, then kept.

    Args:
        home: whose embedded server it is.

    Attributes:
        problem: why it could not be started the last time.
        beginning: of the newest server; None: there was none yet.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server: EmbeddedServer | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.problem: EmbeddedPostgresError | None = None
        self.beginning: Beginning | None = None

    @property
    def starting(self) -> bool:
        """Whether it is to run, and does not yet."""
        return self._keeping is not None and not self._ready.is_set()

    @property
    def server(self) -> EmbeddedServer | None:
        """The server, while it accepts connections."""
        return self._server if self._ready.is_set() else None

    def ensure(self) -> None:
        """Begins to keep it, unless that has begun."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    async def url(self) -> str:
        """Where it is, as soon as it accepts connections.

        One that has run before and does not come back within 10 s is named as it was:
        a rollback during an outage must not be refused by the outage, and whether a
        release can do without its database is for its gate to say.

        Raises:
            PlatformError: it has never run, and does not within 60 s.
        """
        self.ensure()
        known = last_url(self._home)
        try:
            async with asyncio.timeout(_DATABASE_RETURN if known else _DATABASE_WAIT):
                await self._ready.wait()
        except TimeoutError as error:
            if known is None:
                why = self.problem or f"it was not ready within {_DATABASE_WAIT:g} s"
                raise PlatformError(
                    f"the platform's PostgreSQL does not run: {why}",
                    remedy="mend that, or set DATABASE_URL in variables.env",
                ) from error
            logger.warning("the database does not run; a release starts without it")
            return known
        if self._server is None:
            raise PlatformError(
                "the platform's PostgreSQL has just ended",
                remedy="it is started again; try again in a moment",
            )
        return self._server.url

    async def end(self) -> None:
        """Shuts it down, in 25 s at most."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._server is not None:
            with contextlib.suppress(EmbeddedPostgresError):
                await self._server.stop()

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                await self._run()
            except EmbeddedPostgresError as error:
                if str(error) != str(self.problem):
                    logger.warning("no database: %s", error)
                self.problem = error
            except OSError as error:
                logger.warning("no database: %s", error)
            backoff = backoff.after(time.monotonic() - began)
            await asyncio.sleep(backoff.pause)

    async def _run(self) -> None:
        self._server = server = await start_database(self._home)
        self.problem = None
        before = self.beginning
        self.beginning = before.again("it ended") if before else Beginning()
        logger.info("the database runs, pid %s", server.pid)
        self._ready.set()
        try:
            while server.process.alive():  # noqa: ASYNC110 - as above
                await asyncio.sleep(_POLL * 10)
        finally:
            self._ready.clear()
        logger.warning("the database has ended; it is started again")
        if server.child is not None:
            await _reaped(server.child)


async def _reaped(process: subprocess.Popen[bytes]) -> None:
    await gone_by(time.monotonic() + _KILL_WAIT, lambda: process.poll() is None)
