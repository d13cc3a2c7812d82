"""Asks the live data what of the risks of a way back is real."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import asyncpg

from app.backend.migrations.back.found import AtRisk
from app.backend.migrations.back.risk import Risk
from app.backend.migrations.back.schema import SCHEMA_QUERY, Schema, read_schema
from app.backend.migrations.running.failures import words_of

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["COUNT_TIMEOUT", "ask", "ask_schema"]

COUNT_TIMEOUT: Final = 60.0
"""Seconds for one count; nobody waits for it, since it takes no strong lock."""
_LOCK_TIMEOUT: Final = "2s"
_PATIENCE: Final = 30.0


async def ask_schema(connection: "Connection") -> Schema:
    """The tables as they stand.

    Raises:
        asyncpg.PostgresError, OSError: as asyncpg does.
    """
    return read_schema(await connection.fetchval(SCHEMA_QUERY, timeout=_PATIENCE))


async def ask(
    connection: "Connection",
    risks: Iterable[Risk],
    *,
    asks: Callable[[Risk], None],
    count_timeout: float = COUNT_TIMEOUT,
) -> tuple[AtRisk, ...]:
    """Counts the rows of every risk; those with none are left out.

    To be called in one transaction that only reads, so that all counts are of one
    moment. What cannot be counted is at risk.

    Args:
        connection: in such a transaction.
        risks: to be asked for.
        asks: told before each one.
        count_timeout: seconds for one of them.

    Raises:
        asyncpg.PostgresError, OSError: the connection is lost.
    """
    await connection.execute(
        "SELECT set_config('statement_timeout', $1, true),"
        " set_config('lock_timeout', $2, true)",
        f"{count_timeout * 1000:.0f}",
        _LOCK_TIMEOUT,
    )
    found = []
    for risk in dict.fromkeys(risks):
        asks(risk)
        one = await _count(connection, risk, count_timeout)
        if one.rows != 0:
            found.append(one)
    return tuple(found)


async def _count(connection: "Connection", risk: Risk, seconds: float) -> AtRisk:
    if risk.count is None:
        return AtRisk(risk=risk, rows=None)
    try:
        async with connection.transaction():
            rows = await connection.fetchval(risk.count, timeout=seconds + 5)
    except asyncpg.QueryCanceledError:
        return AtRisk(risk=risk, rows=None, uncounted=f"not within {seconds:.0f} s")
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        return AtRisk(risk=risk, rows=None, uncounted=words_of(error))
    return AtRisk(risk=risk, rows=rows)
