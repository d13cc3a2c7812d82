"""What is checked: the visible list of all checks.

Own checks join it by an entry point of the group ``pm33.health_checks``, or by naming
them in ``HEALTH_EXTRA_CHECKS=package.module:object``; those that need no code, by the
file of ``HEALTH_CHECKS_FILE``.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from app.backend.config.environment import Config
from app.backend.database.revision_history import OURS, RevisionHistory, histories_of
from app.backend.health.checks.application import ApplicationCheck
from app.backend.health.checks.cache import CacheCheck
from app.backend.health.checks.database import DatabaseCheck
from app.backend.health.checks.joined import Verdicts, ai_services, monitoring
from app.backend.health.checks.system import SystemCheck
from app.backend.health.checks.vendor_check import vendor_checks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.lifecycle import Lifecycle
from app.backend.health.loop_watchdog import GcPauses, LoopWatchdog
from app.backend.health.models import Check, CheckPolicy
from app.backend.health.registry import Registry
from app.backend.resources import Resources
from app.errors import CheckRegistrationError, ConfigError

__all__ = ["ENTRY_POINTS", "Vitals", "build_registry"]

ENTRY_POINTS = "pm33.health_checks"

Refuse = Callable[[CheckRegistrationError], None]


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the process measures of itself."""

    lifecycle: Lifecycle
    watchdog: LoopWatchdog
    gc_pauses: GcPauses


def build_registry(
    config: Config,
    resources: Resources,
    vitals: Vitals,
    *,
    verdicts: Verdicts,
    refuse: Refuse,
    pool: VendorPool,
) -> Registry:
    """Registers every check.

    Args:
        config: what is set.
        resources: what the checks ask through.
        vitals: what the process measures of itself.
        verdicts: what is known of a check by its name, asked while checks run.
        refuse: takes the error of a check that cannot be registered; the others are
            registered all the same, unless it raises.
        pool: over which vendors are asked.
    """
    base = CheckPolicy(stale_periods=config.health.stale_periods)
    registry = Registry(config.health.checks, base)
    for candidate, policy in _built_in(config, resources, vitals, verdicts, pool):
        try:
            registry.add(candidate, **policy)
        except CheckRegistrationError as error:
            refuse(error)
    for origin, candidate in _extra_checks(config, refuse):
        try:
            registry.add(candidate)
        except CheckRegistrationError as error:
            refuse(_with_origin(error, origin))
    for origin, candidate, policy in _declared(config, resources, pool, refuse):
        try:
            registry.add(candidate, **policy)
        except CheckRegistrationError as error:
            refuse(_with_origin(error, origin))
    return registry


def _built_in(
    config: Config,
    resources: Resources,
    vitals: Vitals,
    verdicts: Verdicts,
    pool: VendorPool,
) -> Iterator[tuple[Check, dict[str, Any]]]:
    """Yields our own, each with what it does not say of itself."""
    application = ApplicationCheck(
        state=lambda: vitals.lifecycle.stage,
        watchdog=vitals.watchdog,
        gc_pauses=vitals.gc_pauses,
        lag_warning=config.health.lag_warning,
    )
    yield application, {"critical": True, "period": 5.0}
    histories, unread = _histories(config)
    yield (
        DatabaseCheck(
            resources.health_connection,
            error=resources.database_error or unread,
            pool_use=resources.pool_use,
            pool_size=config.database.pool_size,
            histories=histories,
        ),
        {},
    )
    yield ai_services(config, verdicts), {}
    yield monitoring(config, verdicts), {}
    cache = CacheCheck(config.services.redis_url)
    yield cache, {"shared": True, "period": 5.0, "timeout": 2.0}
    yield SystemCheck(), {"period": 15.0}
    traffic = resources.clients.outcomes
    for vendor in vendor_checks(VENDORS, config, pool, traffic):
        yield vendor, {}


def _histories(
    config: Config,
) -> tuple[tuple[RevisionHistory, ...], ConfigError | None]:
    """What the schema has to come up to; the check says why that cannot be known."""
    try:
        return histories_of(config), None
    except ConfigError as error:
        return (OURS,), error


def _declared(
    config: Config, resources: Resources, pool: VendorPool, refuse: Refuse
) -> Iterator[tuple[str, Check, dict[str, Any]]]:
    """Yields what the file of declared checks has, each with its place and policy."""
    if config.health.checks_file is None:
        return
    from app.backend.health.checks.declared import (  # noqa: PLC0415 - few have one
        DeclaredChecks,
    )

    yield from DeclaredChecks(config, resources, pool).read(refuse)


def _extra_checks(config: Config, refuse: Refuse) -> Iterator[tuple[str, Any]]:
    """Yields the users' own checks; one that cannot be imported is refused."""
    for entry in entry_points(group=ENTRY_POINTS):
        yield from _imported(f"entry point {entry.name}", entry.load, refuse)
    for path in config.health.extra_checks:
        yield from _imported(
            f"HEALTH_EXTRA_CHECKS {path}", partial(_load, path), refuse
        )


def _imported(
    origin: str, load: Callable[[], Any], refuse: Refuse
) -> Iterator[tuple[str, Any]]:
    try:
        candidate = load()
        if isinstance(candidate, type):
            candidate = candidate()  # one that needs nothing is as good as an instance
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything
        refuse(
            CheckRegistrationError(
                f"{origin} cannot be imported: {type(error).__name__}: {error}",
                remedy="name it as package.module:object, importable from where "
                "the service starts",
            )
        )
    else:
        yield origin, candidate


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _with_origin(error: CheckRegistrationError, origin: str) -> CheckRegistrationError:
    return type(error)(f"{origin}: {error}", remedy=error.remedy)
