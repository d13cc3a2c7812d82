"""Where one statement ends and the next begins, as psql decides it. Pure.

https://github.com/postgres/postgres/blob/master/src/fe_utils/psqlscan.l
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.backend.migrations.sql.tokens import Kind, LexicalError, Token, tokens_of

__all__ = ["Control", "Piece", "comments_of", "control_of", "line_of", "split"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a text.

    Attributes:
        sql: as it is written, comments inside of it included, no semicolon.
        tokens: without comments.
        line: of its first token, from 1.
    """

    sql: str
    tokens: tuple[Token, ...]
    line: int


class Control(StrEnum):
    """A statement that begins or ends a transaction, and does nothing else."""

    BEGIN = "begin"
    END = "end"
    WITHIN = "within"


def split(text: str) -> tuple[Piece, ...]:
    """The statements of a text; empty ones are left out.

    A semicolon inside of parentheses (CREATE RULE) or of an SQL function's BEGIN
    ATOMIC … END ends nothing.

    Raises:
        LexicalError: see :func:`~app.backend.migrations.sql.tokens.tokens_of`.
    """
    breaks = _breaks(text)
    return tuple(
        Piece(
            text[tokens[0].start : tokens[-1].start + len(tokens[-1].text)],
            tokens,
            bisect_right(breaks, tokens[0].start),
        )
        for tokens in _groups(text)
    )


def comments_of(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment, as far as the text can be read."""
    breaks = _breaks(text)
    try:
        for token in tokens_of(text):
            if token.kind is Kind.COMMENT:
                yield bisect_right(breaks, token.start), token.text
    except LexicalError:
        return


def line_of(text: str, place: int) -> int:
    """The line of a place in a text, from 1."""
    return text.count("\n", 0, place) + 1


def control_of(tokens: tuple[Token, ...]) -> Control | None:
    """Whether a statement only controls a transaction; None: it does something.

    Savepoints are within one: what has been locked stays locked.
    """
    keys = [token.key for token in tokens[:3]]
    match keys:
        case ["BEGIN", *_] | ["START", "TRANSACTION", *_]:
            return Control.BEGIN
        case ["ROLLBACK", "TO", *_] | ["ROLLBACK", "WORK" | "TRANSACTION", "TO"]:
            return Control.WITHIN
        case ["SAVEPOINT" | "RELEASE", *_]:
            return Control.WITHIN
        case ["COMMIT" | "ROLLBACK", "PREPARED", *_]:
            return None
        case ["COMMIT" | "END" | "ROLLBACK" | "ABORT", *_]:
            return Control.END
        case _:
            return None


def _breaks(text: str) -> list[int]:
    """Where each line begins."""
    starts = [0]
    place = text.find("\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return starts


def _groups(text: str) -> Iterator[tuple[Token, ...]]:
    group: list[Token] = []
    parentheses = atomic = 0
    for token in tokens_of(text):
        if token.kind is Kind.COMMENT:
            continue
        if token.key == ";" and not parentheses and not atomic:
            if group:
                yield tuple(group)
            group, parentheses = [], 0
            continue
        group.append(token)
        match token.key:
            case "(":
                parentheses += 1
            case ")":
                parentheses = max(parentheses - 1, 0)
            case "BEGIN" | "CASE" | "END" if _makes_routine(group):
                atomic = _depth(atomic, token.key)
    if group:
        yield tuple(group)


def _makes_routine(group: list[Token]) -> bool:
    keys = [token.key for token in group[:4]]
    rest = keys[3:] if keys[1:3] == ["OR", "REPLACE"] else keys[1:]
    return keys[0] == "CREATE" and rest[:1] in (["FUNCTION"], ["PROCEDURE"])


def _depth(atomic: int, key: str) -> int:
    if key == "END":
        return max(atomic - 1, 0)
    return atomic + 1 if key == "BEGIN" or atomic else atomic
