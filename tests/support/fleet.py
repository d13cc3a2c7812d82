"""Replicas of one fleet in this process, and what they all ask; the store is real."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.connection import ReservedConnection
from app.backend.database.target import parse_target
from app.backend.health.board import Board
from app.backend.health.fingerprint import fingerprint_of
from app.backend.health.fleet import Fleet
from app.backend.health.models import CheckPolicy, CheckResult, Status
from app.backend.health.registry import Registered
from app.backend.health.scheduler import Scheduler
from app.backend.health.shared_results import SharedResults
from app.backend.health.snapshot import CheckView
from app.backend.health.supervisor import Supervisor
from tests.support.health import board_of, until

__all__ = ["Asked", "Component", "Heard", "Member", "Relay", "member", "members"]

_NAME = "component"


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt: by which replica, and when."""

    by: str
    at: float


class Component:
    """What all replicas depend on; remembers who has asked, and when.

    Attributes:
        asked: every attempt, in order.
        script: what it answers, one after the other; healthy once that is over.
        hangs: whether it answers nobody.
        ready: called before each answer; it waits for this to be true.
    """

    def __init__(self, *script: CheckResult) -> None:
        self.asked: list[Asked] = []
        self.script = list(script)
        self.hangs = False
        self.ready: Callable[[], object] = lambda: True

    async def answer(self, by: str) -> CheckResult:
        """Says how it is; ``data`` has the number of the attempt."""
        self.asked.append(Asked(by, time.monotonic()))
        number = len(self.asked)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        await until(self.ready)
        if number <= len(self.script):
            told = self.script[number - 1]
            return CheckResult(
                status=told.status, failure=told.failure, data={"number": number}
            )
        return CheckResult.healthy(number=number)


class Asking:
    """The check of one replica."""

    name = _NAME

    def __init__(self, component: Component, replica: str, subject: str) -> None:
        self.subject = subject
        self._component = component
        self._replica = replica

    async def probe(self) -> CheckResult:
        """Asks."""
        return await self._component.answer(self._replica)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a replica took in, how old it was, and what it then said itself."""

    result: CheckResult
    age: float
    shown: Status

    @property
    def number(self) -> int:
        """Of the attempt."""
        return int(self.result.data["number"])


@dataclass(slots=True)
class Member:
    """A replica that runs.

    Attributes:
        heard: everything it took in, in order.
    """

    replica: str
    entry: Registered
    board: Board
    scheduler: Scheduler
    supervisor: Supervisor
    heard: list[Heard] = field(default_factory=list)

    @property
    def view(self) -> CheckView:
        """What it shows now."""
        view = self.board.view(_NAME)
        assert view is not None
        return view

    def hear(self, name: str, result: CheckResult, *, age: float, pause: float) -> None:
        """Takes it in as a service does, and remembers it."""
        self.board.record(name, result, age=age, pause=pause)
        self.heard.append(Heard(result, age, self.view.status))

    async def die(self) -> None:
        """Ends at once, without a word to anybody."""
        await self.supervisor.stop()
        await self.scheduler.stop()


@asynccontextmanager
async def member(
    url: str,
    component: Component,
    replica: str,
    *,
    subject: str = "a key",
    **policy: Any,
) -> AsyncIterator[Member]:
    """A replica with a connection of its own, until the end."""
    target = parse_target(SecretStr(url), DatabaseSettings())
    connection = ReservedConnection(target, name="pm33-store", connect_timeout=5)
    given: dict[str, Any] = {"shared": True, "once_per_fleet": True, "timeout": 10.0}
    check = Asking(component, replica, subject)
    entry = Registered(check, CheckPolicy(**(given | policy)))
    board, supervisor = board_of(entry), Supervisor()

    def hear(name: str, result: CheckResult, *, age: float, pause: float) -> None:
        one.hear(name, result, age=age, pause=pause)

    fleet = Fleet(
        SharedResults(connection),
        hear,
        replica=lambda: replica,
        fingerprint=lambda asked: fingerprint_of(asked.check, key=b"", otherwise=""),
        sanitize=lambda result: result,
    )
    scheduler = Scheduler(
        [entry],
        board.record,
        urgent=board.urgent,
        pause=board.pause,
        supervisor=supervisor,
        fleet=fleet,
    )
    one = Member(replica, entry, board, scheduler, supervisor)
    scheduler.start()
    try:
        yield one
    finally:
        await one.die()
        board.close()
        await connection.close()


@asynccontextmanager
async def members(
    url: str, component: Component, count: int, **options: Any
) -> AsyncIterator[list[Member]]:
    """Several of them: ``r-1``, ``r-2`` …"""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                member(url, component, f"r-{number + 1}", **options)
            )
            for number in range(count)
        ]


class Relay:
    """A way to the database that can be cut and mended.

    Attributes:
        url: of the database, by this way.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False
        self.url = ""

    def cut(self) -> None:
        """Ends every connection, and refuses new ones."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Lets connections through again."""
        self._cut = False

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Relay"]:
        """Serves until the end."""
        tasks: set[asyncio.Task[None]] = set()

        def connected(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            task = asyncio.ensure_future(self._pass_on(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        user, _, _ = self._parts.netloc.rpartition("@")
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        netloc = f"{user}@{place}" if user else place
        self.url = self._parts._replace(netloc=netloc).geturl()
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._cut:
            writer.transport.abort()
            return
        host, port = self._parts.hostname, self._parts.port
        behind, ahead = await asyncio.open_connection(host, port)
        pair = {writer, ahead}
        self._writers |= pair
        copy = partial(_copy, pair=pair)
        await asyncio.gather(copy(reader, ahead), copy(behind, writer))
        self._writers -= pair


async def _copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    pair: set[asyncio.StreamWriter],
) -> None:
    """Until one side ends, which ends the other."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        for one in pair:
            one.close()
