"""The health system of one process: built once, started and stopped by the lifespan."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.backend.config.environment import Config
from app.backend.config.findings import Finding
from app.backend.health.board import Board
from app.backend.health.catalog import Vitals, build_registry
from app.backend.health.config_faults import config_faults
from app.backend.health.fingerprint import fingerprint_of
from app.backend.health.fleet import Fleet
from app.backend.health.gate import FaultKind, GateFault
from app.backend.health.heartbeats import Heartbeat
from app.backend.health.identity import Identifier
from app.backend.health.incidents.watch import IncidentWatch
from app.backend.health.lifecycle import Lifecycle
from app.backend.health.loop_watchdog import GcPauses, LoopBlock, LoopWatchdog
from app.backend.health.models import CheckResult, Failure, Witnessing
from app.backend.health.registry import Registered
from app.backend.health.scheduler import Scheduler
from app.backend.health.shared_results import SharedResults
from app.backend.health.snapshot import CheckView
from app.backend.health.store import STORE_ERRORS, OpsStore
from app.backend.health.supervisor import Supervisor
from app.backend.monitoring.redaction import Redactor
from app.backend.resources import Resources
from app.errors import CheckRegistrationError, OpsError

__all__ = ["HealthService", "close_checks", "sanitize"]

CLOSE_TIMEOUT = 1.0
"""Seconds that a check's ``close()`` may take."""
HISTORY_FLUSH = 2.0
"""Seconds between two looks for transitions that have to be stored."""

_log = logging.getLogger("pm33.health")


class HealthService:
    """Everything that health needs while the process lives.

    Args:
        config: what is set.
        resources: what the checks ask through; whoever opened them closes them.
        redactor: makes results safe to keep.
        findings: what the rules say of the variables; errors hold the startup gate.
        strict: raise what is refused instead of turning the startup gate red.

    Raises:
        CheckRegistrationError: a check was refused, and ``strict``.
    """

    def __init__(
        self,
        config: Config,
        resources: Resources,
        redactor: Redactor,
        *,
        findings: Iterable[Finding] = (),
        strict: bool = False,
    ) -> None:
        self._config = config
        self._redactor = redactor
        self._strict = strict
        self._unusable = [*config_faults(config, findings)]
        self.lifecycle = Lifecycle()
        self.identify = Identifier(config)
        self._vitals = Vitals(
            self.lifecycle, LoopWatchdog(on_block=_log_block), GcPauses()
        )
        self._incidents = IncidentWatch(config)
        self.registry = build_registry(
            config,
            resources,
            self._vitals,
            verdicts=self._verdict,
            refuse=self._refuse,
            pool=self._incidents.pool,
        )
        connection = resources.store_connection
        self._store = OpsStore(connection) if connection else None
        self._supervisor = Supervisor()
        self.board = Board(
            self.registry,
            self.identify,
            self.lifecycle,
            sanitize=partial(sanitize, redactor=redactor),
            restarts=self._supervisor.restarts,
            unusable=self._unusable,
            gate_grace=config.health.gate_grace,
            details=config.is_development,
        )
        self._unsubscribe: Callable[[], None] = _nothing
        self._scheduler = Scheduler(
            self.registry,
            self._record,
            urgent=self.board.urgent,
            pause=self.board.pause,
            supervisor=self._supervisor,
            fleet=self._fleet(SharedResults(connection)) if connection else None,
        )

    @property
    def heartbeats(self) -> Mapping[str, Heartbeat]:
        """The jobs that have to say that they have run, by name."""
        return {
            entry.name: entry.check
            for entry in self.registry
            if isinstance(entry.check, Heartbeat)
        }

    def add_fault(self, error: OpsError, source: str) -> None:
        """Holds the startup gate for good, or raises where that was asked for."""
        if self._strict:
            raise error
        self.board.add_fault(self._fault_of(error, source))

    async def start(self) -> None:
        """Starts the loops; returns before the first result is in."""
        self.lifecycle.begin()
        loop = asyncio.get_running_loop()
        self._vitals.watchdog.start(loop)
        self._vitals.gc_pauses.start()
        # A signal handler changes the stage; publishing is the loop's work.
        self._unsubscribe = self.lifecycle.subscribe(
            partial(loop.call_soon_threadsafe, self.board.publish)
        )
        for name in self.registry.unused_knobs():
            _log.warning(
                "HEALTH_%s_* is set, but no check has that name",
                name.upper(),
                extra={"remedy": f"known: {', '.join(e.name for e in self.registry)}"},
            )
        self._scheduler.start()
        self._incidents.start(self._supervisor, self.registry)
        if self._store is not None:
            self._tend(self._store)

    async def stop(self) -> None:
        """Ends everything that :meth:`start` began, and stores what is unsaved."""
        self._unsubscribe()
        self._unsubscribe = _nothing
        await self._supervisor.stop()
        await self._scheduler.stop()
        self._vitals.watchdog.stop()
        self._vitals.gc_pauses.stop()
        self.board.close()
        if self._store is not None:
            await self._last_words(self._store)
        await close_checks(self.registry)
        await self._incidents.close()

    def _fleet(self, results: SharedResults) -> Fleet:
        return Fleet(
            results,
            self._hear,
            replica=lambda: self.identify().replica_id,
            fingerprint=self._fingerprint,
            sanitize=partial(sanitize, redactor=self._redactor),
        )

    def _fingerprint(self, entry: Registered) -> str:
        key, us = self._config.security.secret_key, self.identify()
        return fingerprint_of(
            entry.check,
            key=key.get_secret_value().encode() if key else b"",
            otherwise=f"{us.deployment_id} {us.commit}",
        )

    def _tend(self, store: OpsStore) -> None:
        ops = self._config.ops
        for name, work, period in (
            ("replica", partial(self._beat, store), ops.replica_heartbeat),
            ("overrides", partial(self._read_overrides, store), ops.override_poll),
            ("history", partial(self._save_history, store), HISTORY_FLUSH),
        ):
            self._supervisor.spawn(f"store:{name}", partial(_every, name, period, work))

    async def _beat(self, store: OpsStore) -> None:
        await store.heartbeat(self.identify(), self.lifecycle.stage)

    async def _read_overrides(self, store: OpsStore) -> None:
        self.board.set_overrides(await store.overrides())

    async def _save_history(self, store: OpsStore) -> None:
        unsaved = self.board.history.unsaved()
        if unsaved:
            await store.save(self.identify(), unsaved)
            self.board.history.saved(unsaved)

    async def _last_words(self, store: OpsStore) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._save_history(store)
                await store.leave(self.identify())
        except STORE_ERRORS as error:
            _log.info("the store was not told of the stop: %s", type(error).__name__)

    def _record(self, name: str, result: CheckResult) -> None:
        self.board.record(name, self._incidents.blamed(name, result))

    def _hear(
        self, name: str, result: CheckResult, *, age: float, pause: float
    ) -> None:
        """Takes in what some replica has found; this one may know more by itself."""
        check = next(entry.check for entry in self.registry if entry.name == name)
        if isinstance(check, Witnessing):
            result = check.corrected(result)
        blamed = self._incidents.blamed(name, result)
        self.board.record(name, blamed, age=age, pause=pause)

    def _verdict(self, name: str) -> CheckView | None:
        """The checks ask for it; the board is built of them, and so later."""
        return self.board.view(name)

    def _refuse(self, error: CheckRegistrationError) -> None:
        if self._strict:
            raise error
        self._unusable.append(self._fault_of(error, "check"))

    def _fault_of(self, error: OpsError, source: str) -> GateFault:
        """The message may quote what somebody else's code has raised."""
        return GateFault(
            source=source,
            kind=FaultKind.RELEASE,
            failure=Failure.CONFIG,
            message=self._redactor.redact(str(error)),
            remedy=self._redactor.redact(error.remedy),
        )


async def _every(name: str, period: float, work: Callable[[], Awaitable[None]]) -> None:
    """Repeats ``work``; tells once when the store fails, and once when it is back."""
    failing = False
    while True:
        try:
            await work()
        except STORE_ERRORS as error:
            if not failing:
                _log.warning(
                    "the store does not take %s: %s: %s",
                    *(name, type(error).__name__, error),
                    extra={"remedy": "see the database check; run `pm33 migrate up`"},
                )
            failing = True
        else:
            if failing:
                _log.info("the store takes %s again", name)
            failing = False
        await asyncio.sleep(period)


async def close_checks(registry: Iterable[Registered]) -> None:
    """Closes every check that can be closed; one that fails keeps none from it."""
    for entry in registry:
        close = getattr(entry.check, "close", None)
        if close is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await close()
            except Exception:  # noqa: BLE001 - the user's check may raise anything
                _log.exception("the check %s cannot be closed", entry.name)


def sanitize(result: CheckResult, *, redactor: Redactor) -> CheckResult:
    """The same result, safe to keep and to encode: redacted, and nothing but JSON."""
    data: Any = redactor.redact_value(dict(result.data))
    try:
        data = json.loads(json.dumps(data, default=str, allow_nan=False))
    except (TypeError, ValueError):
        data = {"unreadable": "the check returned data that is no JSON"}
    return replace(
        result,
        message=_storable(redactor.redact(result.message)),
        remedy=_storable(redactor.redact(result.remedy)),
        data=data,
    )


def _storable(text: str) -> str:
    """Without what PostgreSQL's text does not take: NUL and half surrogate pairs."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _nothing() -> None:
    """There is no subscription to end."""


def _log_block(block: LoopBlock) -> None:
    _log.warning("the event loop is blocked", extra={"stack": list(block.stack)})
