"""What a webhook makes us do, beside the request: ask the platform how things are."""

import asyncio
import importlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.backend.config.environment import Config
from app.backend.monitoring.observability import get_logger
from app.backend.monitoring.redaction import Redactor
from app.backend.operations.hook_events import HookEvent, HookEventStore, HookState
from app.errors import JournalError, OpsError

if TYPE_CHECKING:
    from app.backend.deploy.platforms.base import Deployment, Platform

__all__ = ["HookReader", "opener"]

MOST_WAITING: Final = 100
"""Events that may wait to be read; one more is refused, and may be delivered again."""
CLOSE_TIMEOUT: Final = 0.5
"""Seconds that what is being read gets when the process stops."""

_REMEMBERED: Final = 256
_LOOK_TIMEOUT: Final = 60.0
_ON_THE_WAY: Final = frozenset(
    {"queued", "waiting", "initializing", "building", "deploying"}
)
_BAD: Final = frozenset({"FAILED", "CRASHED", "NEEDS_APPROVAL", "UNKNOWN"})
_log = get_logger("pm33.hooks")


def opener(config: Config) -> "Callable[[], Awaitable[Platform]]":
    """Opens the platform of this service's environment, imported when first needed."""

    async def opened() -> "Platform":
        # In a thread: the event loop answers probes meanwhile.
        await asyncio.to_thread(importlib.import_module, "app.backend.deploy.opening")
        from app.backend.deploy.opening import open_platform  # noqa: PLC0415 - above

        return open_platform(config, config.environment)

    return opened


class HookReader:
    """Takes events, drops those that were taken before, and asks about the others.

    Only that something may have happened is believed of an event. Events that wait
    together are about few deployments, and each of these is asked about once. What is
    found goes to the log and to ``ops.hook_event``. Without a database an event is
    known only to the process that took it. What waits when the process ends is lost:
    whoever watches the service asks the platform anyway.

    Args:
        store: None: there is no database.
        opening: opens the platform, when the first event is there to be read.
        redactor: for what the platform says.
    """

    def __init__(
        self,
        store: HookEventStore | None,
        opening: "Callable[[], Awaitable[Platform]]",
        redactor: Redactor,
    ) -> None:
        self._store = store
        self._opening = opening
        self._redactor = redactor
        self._platform: Platform | None = None
        self._waiting: deque[HookEvent] = deque()
        self._known: OrderedDict[HookEvent, None] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def take(self, event: HookEvent) -> bool:
        """Has it read soon; False: too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_all(), name="hooks")
        return True

    async def close(self) -> None:
        """Ends what is being read, and lets go of the platform; may be used again."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            await asyncio.wait({task}, timeout=CLOSE_TIMEOUT)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._waiting.clear()
        if self._platform is not None:
            platform, self._platform = self._platform, None
            await platform.close()

    async def _read_all(self) -> None:
        while self._waiting:
            batch = tuple(dict.fromkeys(self._waiting))
            self._waiting.clear()
            try:
                await self._read([one for one in batch if await self._is_new(one)])
            except Exception:  # noqa: BLE001 - the next events must still be read
                _log.exception("webhooks could not be read")

    async def _read(self, events: Sequence[HookEvent]) -> None:
        asked = [one for one in events if _is_worth_asking(one)]
        for deployment in dict.fromkeys(one.deployment for one in asked):
            state, found = await self._look(deployment)
            for event in asked:
                if event.deployment == deployment:
                    _tell(event, state, found)
                    await self._settle(event, state, found)
        for event in events:
            if event not in asked:
                await self._settle(event, HookState.ASIDE, None)

    async def _look(self, deployment: str) -> tuple[HookState, Mapping[str, Any]]:
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT):
                if self._platform is None:
                    self._platform = await self._opening()
                found = await self._platform.deployment(deployment)
        except (OpsError, TimeoutError) as error:
            why = str(error) or f"no answer within {_LOOK_TIMEOUT:.0f} s"
            return HookState.FAILED, {"error": self._redactor.redact(why)}
        return HookState.READ, self._redactor.redact_value(_facts(found))

    async def _is_new(self, event: HookEvent) -> bool:
        if event in self._known:
            return False
        self._known[event] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if self._store is None:
            return True
        try:
            return await self._store.take(event)
        except JournalError as error:
            _log.warning("a webhook is not written down", cause=str(error))
            return True

    async def _settle(
        self, event: HookEvent, state: HookState, found: Mapping[str, Any] | None
    ) -> None:
        if self._store is None:
            return
        try:
            await self._store.settle(event, state, found)
        except JournalError as error:
            _log.warning("what a webhook led to is not written down", cause=str(error))


def _is_worth_asking(event: HookEvent) -> bool:
    """A deploy tells of each of its stages; how it ended is told once more."""
    word = event.type.rpartition(".")[2].lower()
    return bool(event.deployment) and word not in _ON_THE_WAY


def _facts(found: "Deployment") -> dict[str, Any]:
    told = found.to_dict()
    return {name: told[name] for name in ("id", "commit", "status", "active", "reason")}


def _tell(event: HookEvent, state: HookState, found: Mapping[str, Any]) -> None:
    bad = state is HookState.FAILED or found["status"] in _BAD
    log = _log.warning if bad else _log.info
    log("the platform has sent a webhook, and was asked", hook=event.type, **found)
