"""Takes a DO block apart, as far as it says by itself what it does. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.sql.script import split
from app.backend.migrations.sql.tokens import Kind, LexicalError, Token

__all__ = ["statements_of_block"]

_DYNAMIC: Final = frozenset({"EXECUTE", "PERFORM", "CALL", "LOOP", "FOREACH"})
_QUIET: Final = frozenset({"", "END", "NULL", "RAISE", "RETURN", "ASSERT", "GET"})
_BODY: Final = re.compile(r"(\$\w*\$)(?P<text>.*)\1", re.DOTALL)


def statements_of_block(block: Sequence[Token]) -> list[Sequence[Token]] | None:
    """The statements of PL/pgSQL code that runs each at most once.

    Args:
        block: what follows DO.

    Returns:
        None: what it does is known only when it runs: it loops, calls, or makes its
        statements itself.
    """
    body = _body(block)
    if body is None:
        return None
    try:
        pieces = [piece.tokens for piece in split(body)]
    except LexicalError:
        return None
    if any(token.key in _DYNAMIC for piece in pieces for token in piece):
        return None
    return _statements(pieces)


def _body(block: Sequence[Token]) -> str | None:
    texts = [token.text for token in block if token.kind is Kind.STRING]
    found = _BODY.fullmatch(texts[0]) if len(texts) == 1 else None
    words = [token.key for token in block if token.kind is Kind.WORD]
    if found is None or words not in ([], ["LANGUAGE", "PLPGSQL"]):
        return None
    return found["text"]


def _statements(pieces: Sequence[Sequence[Token]]) -> list[Sequence[Token]]:
    statements: list[Sequence[Token]] = []
    declares = False
    for piece in pieces:
        cursor = Cursor(piece)
        declares = cursor.key == "DECLARE" or (declares and cursor.key != "BEGIN")
        _pass_control(cursor)
        assigns = any(token.key in (":=", "=") for token in cursor.rest[1:2])
        if not (declares or assigns or cursor.key in _QUIET):
            statements.append(cursor.rest)
    return statements


def _pass_control(cursor: Cursor) -> None:
    """Goes past what only decides whether a statement runs."""
    while True:
        if cursor.take_one_of("BEGIN", "ELSE", "EXCEPTION"):
            continue
        if cursor.key not in ("IF", "ELSIF", "ELSEIF", "WHEN"):
            return
        cursor.until("THEN")
        cursor.take("THEN")
