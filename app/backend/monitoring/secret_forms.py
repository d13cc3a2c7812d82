"""The forms in which a secret may turn up in a text, as regular expressions.

Escapes are matched character by character instead of being listed as whole strings,
so that mixtures count too: a repr inside JSON, a percent-encoded JSON string, JSON in
JSON. Base64 (RFC 4648 §4 and §5) is searched at its three alignments, so a secret is
also found in the middle of what was encoded, such as ``Basic base64(user:secret)``.
"""

import base64
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

__all__ = ["CUT_MARKS", "SecretForm", "cut_forms", "whole_forms"]

CUT_MARKS = ("...", "…", "u2026")
"""One of these is in every text in which something was cut off."""

# Every encoding that is searched for leaves these as they are.
_PLAIN = frozenset(string.ascii_letters + string.digits + "_")
_RUN = re.compile(r"\w+", re.ASCII)
_BASE64_RUN = re.compile(r"[A-Za-z0-9]+")
_BASE64 = r"(?:[A-Za-z0-9+/_-]|\\{1,15}/|%(?:25)*2[BbFf])"
_BACKSLASH = r"(?:\\|%(?:25)*5[Cc])"
_ELLIPSIS = r"(?:\.\.\.|…|\\{1,15}u2026)"
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v"}
_CUT_LENGTH = 12
_CUT_EXACT = 256


@dataclass(frozen=True)
class SecretForm:
    """One form of one secret.

    Attributes:
        anchor: what every text with this form contains, so that a plain ``in`` rules
            out nearly all texts; empty when there is no such thing.
        build: makes the expression; called once, when the anchor was first seen,
            because compiling all of them would cost every start.
    """

    anchor: str
    build: Callable[[], str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.build())


def whole_forms(secret: str) -> Iterator[SecretForm]:
    """Yields the forms that hold all of ``secret``: escaped, base64 and hex."""
    text = secret.replace("\r\n", "\n")
    yield SecretForm(_longest(_RUN, text), partial(_escaped, text))
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        inner = _base64_inner(data, offset)
        yield SecretForm(
            _longest(_BASE64_RUN, inner),
            partial(_base64, inner, led=offset > 0, ends=(offset + len(data)) % 3 == 0),
        )
    for digits in {data.hex(), data.hex().upper()}:
        yield SecretForm(digits, partial(str, digits))


def cut_forms(secret: str, *, visible: int = 0) -> Iterator[SecretForm]:
    """Yields the forms of a long secret that was cut by an ellipsis.

    Args:
        secret: what may be cut; at least four characters longer than what is seen.
        visible: leading characters that are no secret (a URL's scheme and user);
            a cut before their end is not worth hiding.
    """
    head = max(_CUT_LENGTH, visible + 1)
    if len(secret) < head + 4 or "\n" in secret:
        return
    yield SecretForm(
        _longest(_RUN, secret[:head]), partial(_cut_head, secret[:head], secret[head:])
    )
    if not visible:
        tail = secret[-_CUT_LENGTH:]
        yield SecretForm(_longest(_RUN, tail), partial(_cut_tail, tail))


def _longest(runs: re.Pattern[str], text: str) -> str:
    return max(runs.findall(text), key=len, default="")


def _escaped(text: str) -> str:
    return "".join(_units(text))


def _units(text: str) -> Iterator[str]:
    """Yields an expression per character; backslashes join the one that follows.

    Taken alone, "one or more backslashes" beside an escape that begins with some more
    of them would make the engine try every way to share them out.
    """
    slashes = 0
    for character in text:
        if character == "\\":
            slashes += 1
        else:
            yield _unit(character, slashes)
            slashes = 0
    if slashes:
        yield _backslashes(slashes)


def _unit(character: str, slashes: int) -> str:
    if character in _PLAIN:
        return (_backslashes(slashes) if slashes else "") + character
    direct = "|".join((*_markup(character), _percent(character), _raw(character)))
    escaped = "|".join(_escapes(character))
    return (
        f"(?:{_backslashes(slashes)}(?:{direct})"
        f"|{_backslashes(slashes + 1)}(?:{escaped}))"
    )


def _backslashes(least: int) -> str:
    """At least so many, at most what six rounds of escaping make of them."""
    return f"{_BACKSLASH}{{{least},{64 * least + 63}}}"


def _raw(character: str) -> str:
    match character:
        case "\n":
            return r"\r?\n"
        case " ":
            return r"[ +]|%(?:25)*2[Bb]"
        case _:
            return re.escape(character)


def _markup(character: str) -> Iterator[str]:
    yield rf"&(?:amp;)*#(?:0*{ord(character)}|[xX]0*{_digits(f'{ord(character):x}')});"
    if character in _NAMED:
        yield rf"&(?:amp;)*{_NAMED[character]};"


def _percent(character: str) -> str:
    data = character.encode("utf-8", "surrogatepass")
    code = "".join(rf"%(?:25)*{_digits(f'{byte:02x}')}" for byte in data)
    return rf"(?:%(?:25)*0[Dd])?{code}" if character == "\n" else code


def _escapes(character: str) -> Iterator[str]:
    """What follows the backslash in JSON, in ``repr`` of text and of bytes."""
    code = ord(character)
    again = _backslashes(1)
    if character == "\n":
        yield f"(?:r{again})?n"
    elif character in _SHORT:
        yield _SHORT[character]
    data = character.encode("utf-8", "surrogatepass")
    yield again.join(f"x{_digits(f'{byte:02x}')}" for byte in data)
    if 0x80 <= code <= 0xFF:  # noqa: PLR2004 - Latin-1 has its own short escape
        yield f"x{_digits(f'{code:02x}')}"
    units = character.encode("utf-16-be", "surrogatepass").hex()
    yield again.join(f"u{_digits(units[i : i + 4])}" for i in range(0, len(units), 4))
    yield f"U{_digits(f'{code:08x}')}"


def _digits(digits: str) -> str:
    """Hexadecimal digits in either case."""
    return "".join(
        f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits
    )


def _base64_inner(data: bytes, offset: int) -> str:
    """The characters that depend on ``data`` alone when ``offset`` bytes precede it."""
    encoded = base64.b64encode(b"\0" * offset + data).decode()
    first = (offset * 8 + 5) // 6
    return encoded[first : (offset + len(data)) * 8 // 6]


def _base64(inner: str, *, led: bool, ends: bool) -> str:
    """The stable characters, and those at the edges that hold a part of the secret."""
    either = {
        "+": r"(?:[+-]|%(?:25)*2[Bb])",
        "/": r"(?:\\{0,15}/|_|%(?:25)*2[Ff])",
    }
    body = "".join(either.get(character, character) for character in inner)
    padding = "(?:=|%(?:25)*3[Dd]){0,2}"
    return (_BASE64 if led else "") + body + ("" if ends else _BASE64 + padding)


def _cut_head(head: str, rest: str) -> str:
    """The head, as much of the rest as is there, and the mark of the cut."""
    more = ""
    for character in reversed(rest[:_CUT_EXACT]):
        more = _optional(character, more)
    beyond = rf"[\s\S]{{0,{len(rest) * 4}}}?" if len(rest) > _CUT_EXACT else ""
    return _escaped(head) + more + beyond + _ELLIPSIS


def _optional(character: str, following: str) -> str:
    """Nested, for one way to match; a possessive chain fails on Python 3.11.2."""
    guard = rf"(?!{_ELLIPSIS})" if character not in _PLAIN else ""
    unit = _backslashes(1) if character == "\\" else _unit(character, 0)
    return f"(?:{guard}{unit}{following})?"


def _cut_tail(tail: str) -> str:
    return rf"{_ELLIPSIS}[^\s\"']{{0,{_CUT_EXACT}}}?{_escaped(tail)}"
