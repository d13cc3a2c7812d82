"""Checks that need no code: declared in the TOML file of ``HEALTH_CHECKS_FILE``."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.backend.config.environment import Config
from app.backend.database.connection import ReservedConnection
from app.backend.database.target import parse_target
from app.backend.health.checks.declared.dns import DnsCheck
from app.backend.health.checks.declared.faults import Fault
from app.backend.health.checks.declared.file import Declaration, read_checks_file
from app.backend.health.checks.declared.heartbeat import HeartbeatCheck
from app.backend.health.checks.declared.http import HttpCheck
from app.backend.health.checks.declared.models import (
    DnsTable,
    HeartbeatTable,
    HttpTable,
    SqlTable,
    TcpTable,
    TlsTable,
)
from app.backend.health.checks.declared.references import Given
from app.backend.health.checks.declared.sql import SqlCheck
from app.backend.health.checks.declared.tcp import TcpCheck
from app.backend.health.checks.declared.tls import TlsCheck
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.heartbeats import HeartbeatStore
from app.backend.health.models import Check
from app.backend.resources import Resources
from app.errors import CheckRegistrationError, ConfigError

__all__ = ["DeclaredChecks"]

Refuse = Callable[[CheckRegistrationError], None]


class DeclaredChecks:
    """Makes a check of each declaration.

    Args:
        config: which file, what it refers to, and ``HEALTH_<CHECK>_*``.
        resources: the database that is asked where a check names none.
        pool: what is asked through over HTTP.
    """

    def __init__(self, config: Config, resources: Resources, pool: VendorPool) -> None:
        self._config = config
        self._resources = resources
        self._pool = pool

    def read(self, refuse: Refuse) -> Iterator[tuple[str, Check, dict[str, Any]]]:
        """Yields where each check is declared, the check, and its policy.

        Args:
            refuse: takes the error of what cannot become a check; the others are
                yielded all the same, unless it raises.
        """
        health = self._config.health
        if health.checks_file is None:
            return
        path = str(health.checks_file)
        file = read_checks_file(path, Given(health.references))
        for error in _errors(path, file.faults):
            refuse(error)
        for one in file.declarations:
            place = Fault(line=one.line, message="", remedy="").place(path)
            try:
                check = self._check_of(one)
            except ConfigError as error:
                told = f"{place}: check {one.name!r}: {error}"
                refuse(CheckRegistrationError(told, remedy=error.remedy))
            else:
                yield place, check, one.table.policy

    def _check_of(self, one: Declaration) -> Check:
        """What a knob says beats what the file says; the registry does the rest."""
        knobs = self._config.health.checks.get(one.name)
        timeout = (knobs and knobs.timeout) or one.table.timeout
        period = (knobs and knobs.period) or one.table.period
        match one.table:
            case HttpTable() as table:
                url = knobs.base_url if knobs else None
                return HttpCheck(one.name, table, self._pool, timeout=timeout, url=url)
            case TcpTable() as table:
                return TcpCheck(one.name, table, timeout=timeout)
            case TlsTable() as table:
                return TlsCheck(one.name, table, timeout=timeout)
            case DnsTable() as table:
                return DnsCheck(one.name, table)
            case SqlTable() as table:
                return self._sql(one.name, table, timeout)
            case HeartbeatTable() as table:
                connection = self._resources.store_connection
                store = HeartbeatStore(connection) if connection else None
                return HeartbeatCheck(
                    one.name, table, store, period=period, timeout=timeout
                )

    def _sql(self, name: str, table: SqlTable, timeout: float) -> SqlCheck:
        """On the application's database, or on the one that the check names."""
        settings = self._config.database
        target = self._resources.target
        error = self._resources.database_error
        if table.dsn is not None:
            target, error = parse_target(table.dsn, settings), None
        connection = None
        if target is not None:
            connection = ReservedConnection(
                target,
                name=f"pm33-check-{name}",
                connect_timeout=settings.connect_timeout,
            )
        return SqlCheck(name, table, connection, timeout=timeout, error=error)


def _errors(path: str, faults: Iterable[Fault]) -> list[CheckRegistrationError]:
    """One for each; where the first one is raised, its notes tell of the others."""
    errors = [
        CheckRegistrationError(f"{one.place(path)}: {one.message}", remedy=one.remedy)
        for one in faults
    ]
    for other in errors[1:]:
        errors[0].add_note(f"{other} → {other.remedy}")
    return errors
