"""``type = "sql"``: a query whose first value says whether all is well."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import asyncpg

from app.backend.database.connection import ReservedConnection
from app.backend.health.checks.database_failures import classify
from app.backend.health.checks.declared.models import SqlTable
from app.backend.health.models import CheckResult, Failure
from app.errors import ConfigError

__all__ = ["SqlCheck", "judge_value"]

_STATEMENT_SHARE: Final = 0.8
_SHOWN: Final = 200
_MEND: Final = "correct `query`; it may read one row, and write nothing"


class SqlCheck:
    """Asks on a connection of its own, in a transaction that cannot write.

    Args:
        name: of the check.
        table: what is asked, and what is expected.
        connection: None where no database is configured.
        timeout: seconds for an attempt.
        error: why the configured URL cannot be used.
    """

    def __init__(
        self,
        name: str,
        table: SqlTable,
        connection: ReservedConnection | None,
        *,
        timeout: float,
        error: ConfigError | None = None,
    ) -> None:
        self.name = name
        self._table = table
        self._connection = connection
        self._statement_ms = max(1, int(timeout * _STATEMENT_SHARE * 1000))
        self._error = error

    async def probe(self) -> CheckResult:
        """One query; the server ends it by itself shortly before the timeout."""
        if self._error is not None:
            return CheckResult.unhealthy(
                Failure.CONFIG, str(self._error), remedy=self._error.remedy
            )
        if self._connection is None:
            return CheckResult.skipped(
                "no database is configured", remedy="set DATABASE_URL, or `dsn`"
            )
        try:
            async with self._connection.use() as connection:
                row = await self._first_row(connection)
        except asyncpg.PostgresError as error:
            return _refused(error) or self._classified(error)
        except (OSError, UnicodeError, asyncpg.InterfaceError) as error:
            return self._classified(error)
        if row is None or not len(row):
            return CheckResult.unhealthy(
                Failure.INTERNAL, "the query finds no row", remedy=_MEND
            )
        return judge_value(row[0], self._table)

    def abort(self) -> None:
        """Breaks the connection under an attempt that hangs."""
        if self._connection is not None:
            self._connection.abort()

    async def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _first_row(self, connection: Any) -> Any:
        async with connection.transaction(readonly=True):
            await connection.execute(
                f"set local statement_timeout = {self._statement_ms}"
            )
            return await connection.fetchrow(self._table.query)

    def _classified(self, error: Exception) -> CheckResult:
        result = classify(error)
        if self._table.dsn is None:
            return result
        return replace(result, remedy=result.remedy.replace("DATABASE_URL", "`dsn`"))


def judge_value(value: Any, table: SqlTable) -> CheckResult:
    """Healthy where the value is within its bounds, or true where there are none."""
    data: dict[str, Any] = {"value": str(value)[:_SHOWN]}
    if not table.has_bounds:
        if value:
            return CheckResult.healthy(**data)
        remedy = "see what the query looks at"
        return CheckResult.unhealthy(
            Failure.INTERNAL, "the first column is not true", remedy=remedy, **data
        )
    number = _number(value)
    if number is None:
        told = "the first column is neither a number nor an interval"
        return CheckResult.unhealthy(Failure.CONFIG, told, remedy=_MEND, **data)
    remedy = "see what the query looks at"
    if broken := _beyond(number, table.min, table.max):
        return CheckResult.unhealthy(Failure.INTERNAL, broken, remedy=remedy, **data)
    if broken := _beyond(number, table.warn_min, table.warn_max):
        return CheckResult.degraded(Failure.INTERNAL, broken, remedy=remedy, **data)
    return CheckResult.healthy(**data)


def _number(value: Any) -> float | None:
    """An interval counts in seconds."""
    match value:
        case bool():
            return None
        case int() | float() | Decimal():
            return float(value)
        case timedelta():
            return value.total_seconds()
        case _:
            return None


def _beyond(value: float, lowest: float | None, highest: float | None) -> str:
    # What is no number at all (NaN) is within no bounds.
    if lowest is not None and not value >= lowest:
        return f"{value:g} is less than {lowest:g}"
    if highest is not None and not value <= highest:
        return f"{value:g} is more than {highest:g}"
    return ""


def _refused(error: asyncpg.PostgresError) -> CheckResult | None:
    """What the query itself is to blame for; None: nothing."""
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return CheckResult.unhealthy(
            Failure.CONFIG, "the query writes, and may only read", remedy=_MEND
        )
    lacks_right = isinstance(error, asyncpg.InsufficientPrivilegeError)
    if isinstance(error, asyncpg.SyntaxOrAccessError) and not lacks_right:
        told = f"the query cannot be run ({type(error).__name__}: {error})"
        return CheckResult.unhealthy(Failure.CONFIG, told, remedy=_MEND)
    return None
