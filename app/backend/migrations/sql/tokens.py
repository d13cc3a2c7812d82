"""SQL's words, by PostgreSQL's lexical rules. Pure.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Kind", "LexicalError", "Token", "tokens_of"]


class Kind(StrEnum):
    """What sort of token it is."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        text: as it is written.
        start: its first character's place in the whole text.
        key: what it is compared by: an unquoted word in capitals, a symbol as it is;
            empty for all that stands for itself.
    """

    kind: Kind
    text: str
    start: int
    key: str = ""


class LexicalError(ValueError):
    """The text ends inside of something, or is no SQL.

    Attributes:
        start: the place where that begins.
    """

    def __init__(self, message: str, start: int) -> None:
        super().__init__(message)
        self.start = start


# An operator ends where a comment begins; a string's prefix is part of the string.
_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<escaped>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*')
    | (?P<string>(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*')
    | (?P<quoted>(?:[uU]&)?"[^"]*(?:""[^"]*)*")
    | (?P<number>\$?\d[\w.]*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+)
    | (?P<mark>::|:=|[()\[\],;.:])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NESTED: Final = re.compile(r"/\*|\*/")
_KINDS: Final = {
    "comment": Kind.COMMENT,
    "escaped": Kind.STRING,
    "string": Kind.STRING,
    "quoted": Kind.QUOTED,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "operator": Kind.SYMBOL,
    "mark": Kind.SYMBOL,
}


def tokens_of(sql: str) -> Iterator[Token]:
    """Yields the tokens, comments included, spaces left out.

    Raises:
        LexicalError: a quote or a comment has no end, or psql's own commands begin.
    """
    place = 0
    while found := _TOKEN.match(sql, place):
        start, place, group = place, found.end(), found.lastgroup or ""
        match group:
            case "space":
                continue
            case "block":
                place = _end_of_comment(sql, start)
                yield Token(Kind.COMMENT, sql[start:place], start)
            case "dollar":
                place = _end_of_dollars(sql, start, found[0])
                yield Token(Kind.STRING, sql[start:place], start)
            case "other":
                raise _odd(found[0], start)
            case _:
                kind, text = _KINDS[group], found[0]
                yield Token(kind, text, start, _key(kind, text))


def _key(kind: Kind, text: str) -> str:
    if kind is Kind.WORD:
        return text.upper()
    return text if kind is Kind.SYMBOL else ""


def _end_of_comment(sql: str, start: int) -> int:
    """PostgreSQL's comments nest, unlike C's."""
    depth = 0
    for found in _NESTED.finditer(sql, start):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    raise LexicalError("a comment has no end", start)


def _end_of_dollars(sql: str, start: int, tag: str) -> int:
    end = sql.find(tag, start + len(tag))
    if end < 0:
        raise LexicalError(f"what begins with {tag} has no end", start)
    return end + len(tag)


def _odd(character: str, start: int) -> LexicalError:
    if character in "'\"":
        return LexicalError(f"what begins with {character} has no end", start)
    if character == "\\":
        return LexicalError("psql's commands are no SQL", start)
    return LexicalError(f"{character!r} is no SQL", start)
