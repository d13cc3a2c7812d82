"""One embedded server: adopted where it runs, else prepared, started, stopped.

The home holds ``postgres.json`` (what runs, for :func:`running_url`), ``postgres.lock``
(who may start), ``postgres.log``, and, where the server's user can get at them, the
data in ``postgres/``.
"""

import asyncio
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.backend.database.embedded.binaries import (
    Binaries,
    Places,
    Source,
    find_binaries,
)
from app.backend.database.embedded.data import (
    clear_remains,
    create_data,
    data_password,
    data_version,
    existing_data,
    folder_for_data,
    log_tail,
    postmaster_of,
)
from app.backend.database.embedded.identity import (
    Identity,
    choose_identity,
    portable,
    scratch_folder,
)
from app.backend.database.embedded.record import Record
from app.backend.database.embedded.server import (
    SHUTDOWN,
    free_port,
    is_free,
    spawn_server,
    url_of,
    wait_ready,
)
from app.backend.processes import ProcessMark, end
from app.backend.processes.files import locked
from app.errors import EmbeddedPostgresError

__all__ = ["EmbeddedServer", "Places", "last_url", "running_url", "start"]

_LOCK = "postgres.lock"
_LOG = "postgres.log"
_LOCK_TIMEOUT = 180.0  # somebody else's initdb and crash recovery
_PORT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A server that accepts connections.

    Attributes:
        url: where, as whom, and with which password; never shown by ``repr``.
        process: the postmaster.
        owned: whether :meth:`stop` ends it: it was started by this process, or by one
            that is dead.
        data_dir: where its data are.
        version: as it says it, e.g. ``18.6``.
        source: ``local`` or ``wheel``.
    """

    url: str = field(repr=False)
    process: ProcessMark
    owned: bool
    data_dir: Path
    version: str
    source: str
    child: subprocess.Popen[bytes] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self.process.pid

    async def stop(self) -> None:
        """Shuts the server down, in 25 s at most; does nothing to one not owned.

        Raises:
            EmbeddedPostgresError: it survived even SIGKILL.
        """
        if not self.owned:
            return
        if not await end([self.process], SHUTDOWN):
            raise EmbeddedPostgresError(
                f"PostgreSQL (pid {self.pid}) does not end",
                remedy="look at its state with ps; it may hang on a dead disk",
            )
        if self.child is not None:
            self.child.wait()

    def kill(self) -> None:
        """Ends an owned server at once; the next start recovers its data."""
        if self.owned:
            self.process.send(signal.SIGQUIT)


def running_url(home: Path) -> str | None:
    """The URL of the embedded server of this home; None when none runs.

    Cheap, starts nothing, and asks the server nothing: its process is looked at.
    """
    record = Record.load(home.resolve())
    return record.url if record is not None and record.server.alive() else None


def last_url(home: Path) -> str | None:
    """The URL of this home's server when it last ran; None when it never has.

    The next one takes the same port if it is free, and has the same password.
    """
    record = Record.load(home.resolve())
    return None if record is None else record.url


async def start(
    home: Path,
    *,
    source: Source = "auto",
    durable: bool = True,
    places: Places | None = None,
    deadline: float = 60.0,
) -> EmbeddedServer:
    """Starts the embedded server of a home, or adopts the one that runs.

    It listens on 127.0.0.1 alone. It ends when the calling thread dies.

    Args:
        home: the folder of local state; made if it is missing.
        source: where its programs may come from.
        durable: False gives up the data's safety in a crash for speed, for tests.
        places: where to look for programs; None: the usual places.
        deadline: seconds until it has to accept connections, crash recovery included.

    Raises:
        EmbeddedPostgresError: nothing was found, or it did not start; the message ends
            with the end of its log.
    """
    try:
        home = _made(home)
        async with locked(home / _LOCK, _LOCK_TIMEOUT):
            starter = _Starter(home, places or Places(), deadline)
            return await starter.start(source, durable=durable)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"no embedded database in {home}: {error}",
            remedy="check who may write there and who else starts it, "
            "or set DATABASE_URL",
        ) from error


def _made(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    return home.resolve()


@dataclass(frozen=True, slots=True)
class _Starter:
    """One start, under the home's lock."""

    home: Path
    places: Places
    deadline: float

    @property
    def log(self) -> Path:
        return self.home / _LOG

    async def start(self, source: Source, *, durable: bool) -> EmbeddedServer:
        record = Record.load(self.home)
        recorded = None if record is None else Path(record.data_dir)
        data = existing_data(self.home, recorded, self.places.scratch)
        if data is not None and (running := postmaster_of(data)):
            server = await self._adopt(data, record, *running)
            if server is not None:
                return server
        identity, binaries = await asyncio.to_thread(self._prepare, source, data)
        if data is None:
            data = folder_for_data(self.home, identity, self.places.scratch)
            await create_data(data, binaries, identity, log=self.log, durable=durable)
        await clear_remains(data)
        spawn_on = partial(
            spawn_server, data, binaries, identity, log=self.log, durable=durable
        )
        port = None if record is None else record.port
        return await self._launch(spawn_on, data, binaries, port)

    async def _adopt(
        self, data: Path, record: Record | None, process: ProcessMark, port: int
    ) -> EmbeddedServer | None:
        """Takes a running server; None when it was about to end."""
        password = data_password(data)
        if not await self._ready(port, password, process):
            return None
        if record is not None and record.server.pid != process.pid:
            record = None
        server = EmbeddedServer(
            url_of(port, password),
            process,
            owned=record is None or not record.owner.alive(),
            data_dir=data,
            version=data_version(data) if record is None else record.version,
            source="local" if record is None else record.source,
        )
        if server.owned:
            self._save(server, port)
        return server

    def _prepare(self, source: Source, data: Path | None) -> tuple[Identity, Binaries]:
        identity = choose_identity(None if data is None else data.stat().st_uid)
        binaries = find_binaries(
            source,
            self.places,
            reaches=identity.reaches,
            data=None if data is None else (data_version(data), data),
        )
        scratch = scratch_folder(self.places.scratch, self.home, identity.uid)
        return identity, portable(binaries, identity, scratch)

    async def _launch(
        self,
        spawn_on: Callable[[int], subprocess.Popen[bytes]],
        data: Path,
        binaries: Binaries,
        port: int | None,
    ) -> EmbeddedServer:
        password = data_password(data)
        for _ in range(_PORT_ATTEMPTS):
            port = free_port(port)
            child = spawn_on(port)
            process = ProcessMark.of(child.pid)
            try:
                if process and await self._ready(port, password, process):
                    server = EmbeddedServer(
                        url_of(port, password),
                        process,
                        owned=True,
                        data_dir=data,
                        version=binaries.version,
                        source=binaries.source,
                        child=child,
                    )
                    self._save(server, port)
                    return server
            except BaseException:  # a cancellation, too; raised again
                await end([process] if process else [], SHUTDOWN)
                child.wait()
                raise
            child.wait()
            if is_free(port):
                break  # so it ended for another reason than a port just taken
        raise EmbeddedPostgresError(
            f"PostgreSQL {binaries.version} ended as it started:\n{log_tail(self.log)}",
            remedy="mend what the log says, or set DATABASE_URL",
        )

    async def _ready(self, port: int, password: str, process: ProcessMark) -> bool:
        return await wait_ready(
            port, password, process.alive, log=self.log, timeout=self.deadline
        )

    def _save(self, server: EmbeddedServer, port: int) -> None:
        Record(
            home=str(self.home),
            data_dir=str(server.data_dir),
            version=server.version,
            source=server.source,
            port=port,
            url=server.url,
            server=server.process,
            owner=ProcessMark.own(),
        ).save(self.home)
