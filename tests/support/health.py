"""Builders for tests of the health core, and a caller of ASGI applications."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from app.backend.api.edge import App, Message
from app.backend.health.board import Board
from app.backend.health.gate import GateState
from app.backend.health.identity import Identity
from app.backend.health.lifecycle import Lifecycle, Stage
from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.overrides import Override, OverrideKind
from app.backend.health.registry import FunctionCheck, Registered
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.transition import Instant

__all__ = [
    "DEADLINE",
    "EPOCH",
    "IDENTITY",
    "OK",
    "Answer",
    "Stuck",
    "at",
    "bad",
    "board_of",
    "call",
    "entry",
    "override_of",
    "snapshot_of",
    "until",
    "view",
]

DEADLINE = 30.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OK = CheckResult(status=Status.HEALTHY)
IDENTITY = Identity(
    deployment_id="d-1",
    replica_id="r-1",
    commit="c0ffee",
    version="1.2.3",
    environment="production",
)


class Stuck:
    """A check that hangs until it is released, and counts what happens to it.

    Args:
        error: what breaking its connection raises.
    """

    name = "stuck"
    blames: ClassVar = {"variable": "STUCK_KEY"}

    def __init__(self, error: Exception | None = None) -> None:
        self.started = self.in_flight = self.most = self.aborted = 0
        self.going = asyncio.Event()
        self._error = error

    async def probe(self) -> CheckResult:
        self.started += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        answer = CheckResult(status=Status.DEGRADED, message=f"answer {self.started}")
        try:
            await self.going.wait()
        finally:
            self.in_flight -= 1
        return answer

    def abort(self) -> None:
        self.aborted += 1
        if self._error is not None:
            raise self._error


def bad(
    failure: Failure = Failure.REFUSED, status: Status = Status.UNHEALTHY
) -> CheckResult:
    """A failed result that explains itself."""
    return CheckResult(
        status=status, failure=failure, message=f"is {failure}", remedy="look at it"
    )


def at(seconds: float) -> Instant:
    """A moment, ``seconds`` after both clocks began."""
    return Instant(seconds, EPOCH + timedelta(seconds=seconds))


def entry(name: str = "database", **policy: Any) -> Registered:
    """A registered check that is healthy whenever it is asked."""
    return Registered(FunctionCheck(name, lambda: OK), CheckPolicy(**policy))


def view(name: str, status: Status, **fields: Any) -> CheckView:
    """What a snapshot says of a check."""
    given: dict[str, Any] = {"critical": False, "shared": False, "data": {}}
    return CheckView(name=name, status=status, **(given | fields))


def snapshot_of(*views: CheckView, **fields: Any) -> Snapshot:
    """A serving replica that passed its gate, unless ``fields`` say otherwise."""
    given: dict[str, Any] = {
        "identity": IDENTITY,
        "taken": at(100),
        "stage": Stage.SERVING,
        "gate": GateState(passed=True, clean=True),
        "restarts": {},
    }
    return Snapshot(checks={one.name: one for one in views}, **(given | fields))


def override_of(kind: OverrideKind, **fields: Any) -> Override:
    """An override for everybody, for an hour from now."""
    given: dict[str, Any] = {"id": 1, "until": datetime.now(UTC) + timedelta(hours=1)}
    return Override(kind=kind, **(given | fields))


def board_of(*entries: Registered, **options: Any) -> Board:
    """A board of a serving replica; whoever builds it inside a loop closes it."""
    lifecycle = Lifecycle()
    lifecycle.serve()
    given: dict[str, Any] = {
        "identify": lambda: IDENTITY,
        "lifecycle": lifecycle,
        "sanitize": lambda result: result,
    }
    return Board(entries, **(given | options))


async def until(condition: Callable[[], object], within: float = DEADLINE) -> None:
    """Polls until ``condition`` holds.

    Raises:
        TimeoutError: it never did.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition never held")
        await asyncio.sleep(0.002)


@dataclass(slots=True)
class Answer:
    """What an ASGI application sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The status code; 0 if nothing was sent."""
        return int(self.messages[0]["status"]) if self.messages else 0

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        pairs: Iterable[tuple[bytes, bytes]] = self.messages[0]["headers"]
        return {name.decode(): value.decode() for name, value in pairs}

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(message.get("body", b"") for message in self.messages[1:])


async def call(
    app: App,
    path: str,
    method: str = "GET",
    *,
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
) -> Answer:
    """Makes one request without a server and returns what was sent."""
    answer = Answer()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [*headers],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    await app(scope, _receiver(body), _collect(answer))
    return answer


def _receiver(body: bytes) -> Callable[[], Awaitable[Message]]:
    """A client with nothing more to say that stays until it is answered."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    return receive


def _collect(answer: Answer) -> Callable[[Message], Awaitable[None]]:
    async def send(message: Message) -> None:
        answer.messages.append(message)

    return send
