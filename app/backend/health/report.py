"""Health asked once, from a script or a shell, without a service."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.backend.config.environment import Config, get_config
from app.backend.health.board import Board
from app.backend.health.catalog import Vitals, build_registry
from app.backend.health.checks.joined import JoinedCheck
from app.backend.health.config_faults import config_faults
from app.backend.health.identity import Identifier
from app.backend.health.incidents.watch import IncidentWatch
from app.backend.health.lifecycle import Lifecycle
from app.backend.health.loop_watchdog import GcPauses, LoopWatchdog
from app.backend.health.models import Status
from app.backend.health.policies import POLICIES, Verdict
from app.backend.health.registry import Registered, Registry
from app.backend.health.scheduler import run_once
from app.backend.health.service import close_checks, sanitize
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers import native
from app.backend.monitoring.redaction import Redactor
from app.backend.resources import open_resources
from app.errors import CheckRegistrationError

__all__ = ["HealthReport", "get_health"]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What one look found."""

    verdict: Verdict
    snapshot: Snapshot

    @property
    def status(self) -> Status:
        """The worst status that counts."""
        return self.verdict.status

    @property
    def ok(self) -> bool:
        """Whether the endpoint would answer 200."""
        return self.verdict.ok

    def to_dict(self) -> dict[str, Any]:
        """The body of the endpoint, with details: whoever can run this may see them."""
        return native.body_of(self.verdict, self.snapshot, details=True)


async def get_health(
    *, detailed: bool = False, config: Config | None = None
) -> HealthReport:
    """Runs every check once, side by side, and reports.

    Opens its own resources for the call and closes them. The embedded database is used
    where it runs; it is never started.

    Args:
        detailed: report every check instead of the core list.
        config: what is set; by default the process environment.
    """
    config = config or get_config()
    lifecycle = Lifecycle()
    lifecycle.serve()
    watchdog = LoopWatchdog(on_block=_ignore)
    watchdog.start(asyncio.get_running_loop())
    redactor = Redactor(config.secrets())

    def verdict(name: str) -> CheckView | None:
        """Asked when the board stands, which is built of the checks."""
        return board.view(name)

    try:
        async with open_resources(config) as resources:
            vitals = Vitals(lifecycle, watchdog, GcPauses())
            incidents = IncidentWatch(config)
            registry = build_registry(
                config,
                resources,
                vitals,
                verdicts=verdict,
                refuse=partial(_tell, redactor=redactor),
                pool=incidents.pool,
            )
            board = Board(
                registry,
                Identifier(config),
                lifecycle,
                sanitize=lambda result: sanitize(result, redactor=redactor),
                unusable=config_faults(config),
            )
            try:
                for wave in _waves(registry):
                    for name, result in (await run_once(wave)).items():
                        board.record(name, incidents.blamed(name, result))
                snapshot = board.publish()
            finally:
                board.close()
                await close_checks(registry)
    finally:
        watchdog.stop()
    policy = POLICIES["/api/health/detailed" if detailed else "/api/health"]
    return HealthReport(policy(snapshot), snapshot)


def _waves(registry: Registry) -> Iterable[list[Registered]]:
    """Those who ask, then those who join what was found."""
    for joins in (False, True):
        yield [
            entry for entry in registry if isinstance(entry.check, JoinedCheck) is joins
        ]


def _ignore(_block: object) -> None:
    """A script may block its own loop."""


def _tell(error: CheckRegistrationError, *, redactor: Redactor) -> None:
    """A script may have no logging that would redact what the error quotes."""
    logging.getLogger("pm33.health").warning(
        "%s", redactor.redact(str(error)), extra={"remedy": error.remedy}
    )
