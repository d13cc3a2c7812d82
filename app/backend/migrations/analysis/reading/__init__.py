"""Reads one statement: what it locks, which rules it breaks, what it does for long."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from app.backend.migrations.analysis.known import Known
from app.backend.migrations.analysis.reading import others
from app.backend.migrations.analysis.reading.blocks import statements_of_block
from app.backend.migrations.analysis.reading.creating import create
from app.backend.migrations.analysis.reading.dropping import alter, drop, truncate
from app.backend.migrations.analysis.reading.notes import Fault, Notes, Work
from app.backend.migrations.analysis.reading.writing import (
    WRITES,
    read_with,
    read_write,
)
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.sql.tokens import Token
from app.backend.migrations.statements import Statement

__all__ = ["Fault", "Notes", "Work", "read"]

Read = Callable[[Cursor, Notes], None]


def read(statement: Statement, tokens: tuple[Token, ...], known: Known) -> Notes:
    """What one statement does; ``known`` is brought up to date with it.

    Args:
        statement: where it stands, and in which transaction.
        tokens: of it, without comments.
        known: the schema before it, as far as it is known.
    """
    in_transaction = statement.transaction is not None
    notes = Notes(known, statement.was, in_transaction=in_transaction)
    _read(tokens, notes)
    return notes


def _read(tokens: Sequence[Token], notes: Notes) -> None:
    cursor = Cursor(tokens)
    verb = cursor.key
    if verb in WRITES:
        read_write(cursor, notes)
    elif verb == "WITH":
        read_with(cursor, notes)
    elif verb in _VERBS:
        cursor.skip()
        _VERBS[verb](cursor, notes)
    elif tokens:
        notes.understood = False


def _read_block(cursor: Cursor, notes: Notes) -> None:
    """``DO``: each of its statements, or nothing that can be told."""
    statements = statements_of_block(cursor.rest)
    if statements is None:
        others.read_dynamic(cursor, notes)
        return
    for one in statements:
        _read(one, notes)
    if not notes.understood:
        notes.understood = True
        others.read_dynamic(cursor, notes)


_QUIET: Final = (
    *("ANALYZE", "COMMENT", "GRANT", "REVOKE", "SECURITY", "RESET", "SHOW"),
    *("EXPLAIN", "PREPARE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE"),
    *("LISTEN", "UNLISTEN", "NOTIFY", "CHECKPOINT", "DISCARD", "IMPORT", "LOAD"),
    *("VALUES", "TABLE"),
)
_VERBS: Final[Mapping[str, Read]] = {
    **dict.fromkeys(_QUIET, others.weakly),
    "ALTER": alter,
    "CALL": others.read_dynamic,
    "CLUSTER": others.cluster,
    "CREATE": create,
    "DO": _read_block,
    "DROP": drop,
    "EXECUTE": others.read_dynamic,
    "LOCK": others.lock,
    "REASSIGN": others.reassign,
    "REFRESH": others.refresh,
    "REINDEX": others.reindex,
    "SELECT": others.select,
    "SET": others.set_parameter,
    "TRUNCATE": truncate,
    "VACUUM": others.vacuum,
}
