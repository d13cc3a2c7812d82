"""What to do about an error that a revision has raised. Pure."""

import re
from typing import Final

from sqlalchemy.exc import DBAPIError, PendingRollbackError

from app.backend.migrations.running.masking import masked

__all__ = ["LACKS_RIGHTS", "origin", "way_out"]

LACKS_RIGHTS: Final = (
    "migrate as the role that owns the tables: MIGRATION_DATABASE_URL is its address"
)

_FORBIDDEN: Final = "42501"
_DUPLICATE: Final = "23505"
_BROKEN: Final = {
    "23502": "give those rows a value, or delete them",
    "23503": "give those rows what they refer to, or correct or delete them",
    "23514": "correct those rows, or delete them",
    "23P01": "correct one of those rows, or delete it",
}
"""Rows that are there break a constraint that is added."""
_UNIQUE: Final = re.compile(
    r"CREATE UNIQUE INDEX .*? ON (?P<table>\S+) \((?P<columns>[^()]+)\)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_TWICE: Final = (
    " (SELECT {columns}, count(*) FROM {table} GROUP BY {columns} HAVING count(*) > 1)"
)


def origin(error: BaseException) -> BaseException:
    """What came first: at the end of an autocommitting block Alembic begins anew.

    On a connection that is gone that fails as well, and says nothing of why.
    """
    while isinstance(error, PendingRollbackError) and error.__context__ is not None:
        error = error.__context__
    return error


def way_out(error: BaseException | None) -> str:
    """What to do about it, where the server's code says that; else empty."""
    raised = error.orig if isinstance(error, DBAPIError) else error
    state = str(getattr(raised, "sqlstate", None) or "")
    if state == _FORBIDDEN:
        return LACKS_RIGHTS
    if state == _DUPLICATE and isinstance(error, DBAPIError):
        found = _UNIQUE.search(masked(error.statement or ""))
        shown = _TWICE.format_map(found) if found else ""
        return f"correct the rows that are there twice{shown}"
    return _BROKEN.get(state, "")
