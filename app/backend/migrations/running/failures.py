"""What is said of an error that a revision has raised: words, not what rows hold. Pure.

Errors are shown, written down and logged, and are read by more people than the tables
are. A server that cannot cast a value quotes it; one that finds a key twice says which.
"""

import re
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.running.masking import masked

__all__ = ["is_lost", "told", "words_of"]

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
# data_exception: the message quotes the value, in the server's language. Both others
# have it in their details only (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_QUOTES: Final = "22"
_DETAILS: Final = (_QUOTES, "23", "44")
# What a value begins with in a message: a quotation mark of any language, or a digit.
_VALUE: Final = re.compile(
    r"[\"'`\u00b4\d\u2018-\u201f\u2039\u203a\u00ab\u00bb\u300c-\u300f]"
)
_SYNTAX: Final = "42601"
# A text of the statement itself, at which it could not be read on.
_TEXT: Final = re.compile(r"\"[EU&]*['$].*", re.IGNORECASE | re.DOTALL)
_ARGUMENT: Final = "invalid input for query argument"


def told(error: BaseException) -> str:
    """Kind, words and statement without the values in them, in one line.

    SQLAlchemy's own words hold the statement as it was sent.
    """
    if not isinstance(error, DBAPIError):
        return f"{type(error).__name__}: {words_of(error)}"
    state = _sqlstate(error)
    kind = f"{type(error.orig).__name__} ({state})" if state else type(error).__name__
    statement = " ".join(masked(error.statement or "").split())[:_SHOWN]
    return f"{kind}: {words_of(error)}" + (f": {statement}" if statement else "")


def words_of(error: BaseException) -> str:
    """What the server or the driver says, without what rows hold."""
    words, state = str(_source(error)), _sqlstate(error)
    if state.startswith(_DETAILS):
        words = words.partition("\nDETAIL:")[0].partition("\nHINT:")[0]
    if state.startswith(_QUOTES) or words.startswith(_ARGUMENT):
        return _until_value(words)
    return _TEXT.sub('"…"', words) if state == _SYNTAX else words


def is_lost(error: BaseException) -> bool:
    """Whether it was the connection that ended, and not the statement that failed."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, _OURS)
    return error.connection_invalidated or _sqlstate(error).startswith(_LOST)


def _until_value(words: str) -> str:
    found = _VALUE.search(words)
    return words if found is None else f"{words[: found.start()]}…"


def _sqlstate(error: BaseException) -> str:
    return str(getattr(_source(error), "sqlstate", None) or "")


def _source(error: BaseException) -> BaseException | None:
    """What SQLAlchemy has wrapped."""
    return error.orig if isinstance(error, DBAPIError) else error
