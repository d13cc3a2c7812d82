"""Hides secrets in whatever leaves the process: log lines, health details, errors.

Two nets, one behind the other: the secrets that the configuration knows, in all the
forms of :mod:`app.backend.monitoring.secret_forms`, and rules for what looks like a
secret whoever owns it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from app.backend.monitoring.secret_forms import (
    CUT_MARKS,
    SecretForm,
    cut_forms,
    whole_forms,
)
from app.backend.monitoring.secret_rules import is_sensitive_key, looks_secret

__all__ = ["MARKER", "Redactor"]

MARKER = "[redacted]"
"""What stands where a secret was."""

_SHORTEST = 6
_LONG_SEGMENT = 16
_MAX_DEPTH = 16
_MAX_ITEMS = 10_000
_OMITTED = "[omitted]"

Span = tuple[int, int]

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*://)"
    r"(?:(?P<user>[^/?#@:]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<rest>.*)",
    re.DOTALL,
)


class Redactor:
    """Replaces secrets by ``[redacted]``.

    A secret of fewer than six characters is not searched for in running text, which
    would shred it; it is hidden where it is all of a value, and where a rule hides it.
    Passwords, keys and tokens inside URL-like secrets are learned as well, except a
    password that equals its user name, which is as public as that.

    Args:
        secrets: the values to hide; ``Config.secrets()``.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = dict.fromkeys(part for secret in secrets for part in _parts(secret))
        self._values = frozenset(known)
        searched = [secret for secret in known if len(secret) >= _SHORTEST]
        self._whole = _by_anchor(f for s in searched for f in whole_forms(s))
        self._cut = _by_anchor(
            form for s in searched for form in cut_forms(s, visible=_visible(s))
        )

    def redact(self, text: str) -> str:
        """Returns ``text`` without secrets; never raises, and is idempotent."""
        while (clean := self._pass(text)) != text:
            text = clean
        return text

    def redact_value(self, value: object) -> Any:
        """Returns ``value`` as JSON-ready data without secrets; never raises.

        Mappings and their keys, sequences, sets and text are walked; the value of a
        key such as ``password`` goes whatever it is. What JSON has no word for becomes
        text. What lies deeper than 16 levels, and all after 10,000 items, is left out.
        """
        return self._walk(value, 0, iter(range(_MAX_ITEMS)))

    def redact_fields(self, fields: Mapping[str, object]) -> dict[str, Any]:
        """Hides what only the structure tells: values by name, and short secrets.

        Text is otherwise left to :meth:`redact`, through which the line made of these
        fields has to go. The result is JSON-ready. Never raises.
        """
        clean: dict[str, Any] = {}
        for key, value in fields.items():
            if isinstance(value, str) and value not in self._values:
                clean[key] = MARKER if is_sensitive_key(key) else value
            else:
                clean[key] = self._field(key, value, 1, iter(range(_MAX_ITEMS)))
        return clean

    def _pass(self, text: str) -> str:
        spans: list[Span] = []
        for anchor, form in self._whole:
            if anchor in text:
                spans.extend(match.span() for match in form.pattern.finditer(text))
        if any(mark in text for mark in CUT_MARKS):
            for anchor, form in self._cut:
                if anchor in text:
                    spans.extend(match.span() for match in form.pattern.finditer(text))
        spans.extend(looks_secret(text))
        return _hide(text, spans) if spans else text

    def _walk(self, value: object, depth: int, budget: Iterator[int]) -> Any:
        if depth > _MAX_DEPTH:
            return _OMITTED
        try:
            return self._clean(value, depth, budget)
        except Exception as error:  # noqa: BLE001 - foreign objects may do anything
            kind, reason = type(value).__name__, type(error).__name__
            return f"<{kind} that cannot be shown: {reason}>"

    def _clean(self, value: object, depth: int, budget: Iterator[int]) -> Any:
        match value:
            case None | bool():
                clean: Any = value
            case str():
                clean = MARKER if value in self._values else self.redact(value)
            case int() | float():
                clean = self._number(value)
            case Mapping():
                entries = zip(budget, value.items(), strict=False)
                clean = {
                    self.redact(_text(key)): self._field(key, item, depth + 1, budget)
                    for _, (key, item) in entries
                }
            case [str() | bytes() as key, item]:
                # A header, as servers keep them.
                clean = [
                    self.redact(_text(key)),
                    self._field(key, item, depth + 1, budget),
                ]
            case list() | tuple() | set() | frozenset():
                items = zip(budget, value, strict=False)
                clean = [self._walk(item, depth + 1, budget) for _, item in items]
            case _:
                clean = self._clean(_text(value), depth, budget)
        return clean

    def _field(
        self, key: object, value: object, depth: int, budget: Iterator[int]
    ) -> Any:
        counts = value is None or isinstance(value, bool | int | float)
        if not counts and is_sensitive_key(_text(key)):
            return MARKER
        return self._walk(value, depth, budget)

    def _number(self, value: float) -> float | str:
        text = _text(value)
        if text in self._values or self.redact(text) != text:
            return MARKER
        exact = isinstance(value, int) or math.isfinite(value)
        return value if exact else text


def _parts(secret: str) -> Iterator[str]:
    """The secret, its lines, and what is secret inside it if it is like a URL."""
    whole = secret.strip()
    if not whole:
        return
    yield whole
    if "\n" in whole:
        lines = (line.strip() for line in whole.splitlines())
        # "-----BEGIN ..." says what follows; it is the same in everybody's key.
        yield from (
            line for line in lines if len(line) >= _SHORTEST and line[:5] != "-----"
        )
    for part in _url_parts(whole):
        yield from (form for form in (part, unquote(part), unquote_plus(part)) if form)


def _url_parts(secret: str) -> Iterator[str]:
    url = _URL.match(secret)
    if url is None:
        return
    user, password, rest = url["user"], url["password"], url["rest"]
    if password is not None and password != user:
        yield password
        # An "@" that should have been encoded may belong to the password.
        pieces = f"{password}@{rest}".split("@")[:-1]
        yield from ("@".join(pieces[: n + 1]) for n in range(1, len(pieces)))
    elif user and password is None and url["scheme"].startswith("http"):
        # https://<key>@o1.ingest.sentry.io/1; elsewhere it is a user's name.
        yield user
    path, _, query = rest.partition("?")
    if user is None:
        # https://hooks.slack.com/services/T0/B0/<key>
        yield from (s for s in path.split("/")[1:] if len(s) >= _LONG_SEGMENT)
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if is_sensitive_key(name):
            yield value


def _visible(secret: str) -> int:
    """How many leading characters of a URL-like secret anybody may see."""
    url = _URL.match(secret)
    if url is None:
        return 0
    return url.start("password") if url["password"] else len(url["scheme"])


def _by_anchor(forms: Iterable[SecretForm]) -> tuple[tuple[str, SecretForm], ...]:
    return tuple((form.anchor, form) for form in forms)


def _hide(text: str, spans: list[Span]) -> str:
    """Puts one marker where spans overlap or touch.

    Markers that are already there are spans too: a match that begins inside one would
    otherwise leave half of it behind.
    """
    at = text.find(MARKER)
    while at >= 0:
        spans.append((at, at + len(MARKER)))
        at = text.find(MARKER, at + 1)
    pieces: list[str] = []
    end = -1
    copied = 0
    for start, stop in sorted(spans):
        if start == stop:
            continue
        if start > end:
            pieces += (text[copied:start], MARKER)
        end = copied = max(end, stop)
    return "".join((*pieces, text[copied:]))


def _text(value: object) -> str:
    match value:
        case bytes() | bytearray():
            return value.decode("utf-8", "backslashreplace")
        case BaseException():
            return repr(value)
        case _:
            return str(value)
