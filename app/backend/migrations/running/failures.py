"""What is said of an error that a revision has raised. Pure."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.running.masking import masked

__all__ = ["is_lost", "told"]

_SHOWN: Final = 200
# admin_shutdown, crash_shutdown, and connection exceptions
_LOST: Final = ("57P01", "57P02", "08")
# What the connection beside raises; a revision's own sockets are seldom among them.
_OURS: Final = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
)


def told(error: BaseException) -> str:
    """The driver's words and the statement without the values in it, in one line.

    SQLAlchemy's own words hold the statement as it was sent.
    """
    if not isinstance(error, DBAPIError):
        return f"{type(error).__name__}: {error}"
    words = str(error.orig).rpartition("'>: ")[2]
    state = _sqlstate(error)
    kind = f"{type(error.orig).__name__} ({state})" if state else type(error).__name__
    statement = " ".join(masked(error.statement or "").split())[:_SHOWN]
    return f"{kind}: {words}" + (f": {statement}" if statement else "")


def is_lost(error: BaseException) -> bool:
    """Whether it was the connection that ended, and not the statement that failed."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, _OURS)
    return error.connection_invalidated or _sqlstate(error).startswith(_LOST)


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
