"""What comes along when a value is pasted: quotes, blanks, other alphabets."""

import re
from collections.abc import Iterator
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.known import KNOWN, SECRETS
from app.backend.config.rules.model import (
    EVERYWHERE,
    QUOTES,
    Broken,
    Facts,
    Rule,
    severities,
)

__all__ = ["RULES"]

# Secrets that are bytes of anybody's choice, blanks and umlauts included.
_FREE_TEXT = frozenset(
    {"SECRET_KEY", "SECRET_KEY_PREVIOUS", "JWT_SECRET", "JWT_SECRET_PREVIOUS"}
)
# Beside keys: URLs, hosts, and what stands in a URL's path or in a header field.
_OPEN: Final = (
    *("SUPABASE_URL", "POSTHOG_HOST", "PM33_PUBLIC_URL", "HOST", "ALLOWED_HOSTS"),
    *("RAILWAY_PUBLIC_DOMAIN", "RAILWAY_PRIVATE_DOMAIN", "STRIPE_PUBLISHABLE_KEY"),
    *("PINECONE_INDEX", "PINECONE_ENVIRONMENT", "TOGETHER_PROJECT_ID"),
    *("SENTRY_ORG", "SENTRY_PROJECT", "POSTHOG_PROJECT_ID"),
)
_BOUND: Final = (*(name for name in SECRETS if name not in _FREE_TEXT), *_OPEN)
_LISTS: Final = frozenset({"ALLOWED_HOSTS"})
# RFC 3986 and RFC 9110 (field values): neither a URL nor a key in a header holds more.
_VISIBLE_ASCII = re.compile(r"[!-~]*")
# Around a value: two of a kind, or those of a word processor.
_PAIRS: Final = frozenset(
    (*(one * 2 for one in QUOTES), "\u201c\u201d", "\u201e\u201c", "\u201e\u201d")
) | {"\u2018\u2019"}
_LINE_END = re.compile(r"[\r\n]")


def _quoted(facts: Facts) -> Broken:
    """Values that begin or end with a quote; a random key may do so by chance."""
    for name, raw in _given(facts):
        text = raw.strip()
        both = text[0] + text[-1] in _PAIRS
        either = text[0] in QUOTES or text[-1] in QUOTES
        if both or (either and name not in _FREE_TEXT):
            yield name, "has a quote as its first or last character"


def _padded(facts: Facts) -> Broken:
    """Values with blanks or line breaks around them."""
    for name, raw in _given(facts):
        if raw != raw.strip():
            yield name, "has blanks or a line break around it"


def _foreign(facts: Facts) -> Broken:
    """Keys, URLs and hosts with characters that none can have."""
    for name in _BOUND:
        text = facts.text(name) or ""
        parts = text.split(",") if name in _LISTS else (text,)
        if not all(_VISIBLE_ASCII.fullmatch(part.strip()) for part in parts):
            yield name, "holds a blank, a line break, or a character beyond ASCII"


def _broken_lines(facts: Facts) -> Broken:
    """Signing keys of several lines, unless they are written so (PEM, RFC 7468)."""
    for name in sorted(_FREE_TEXT):
        text = facts.text(name) or ""
        if _LINE_END.search(text) and not text.startswith("-----BEGIN "):
            yield name, "holds a line break"


def _named(facts: Facts) -> Broken:
    """A whole line of a file of variables, where its value alone belongs."""
    for name in KNOWN:
        text = (facts.text(name) or "").removeprefix("export ")
        if text.startswith(f"{name}="):
            yield name, "begins with its own name"


def _given(facts: Facts) -> Iterator[tuple[str, str]]:
    """Known variables that say something, as they were written."""
    for name in KNOWN:
        raw = facts.variables.values.get(name, "")
        if raw.strip():
            yield name, raw


RULES: Final = (
    Rule(
        name="pasted-quotes",
        variables=KNOWN,
        severity=EVERYWHERE,
        reason="a shell takes quotes off, a platform's form and most .env readers of"
        " containers do not: they become part of the value",
        remedy="write the value without them",
        broken=_quoted,
    ),
    Rule(
        name="pasted-characters",
        variables=_BOUND,
        severity=severities(Severity.ERROR, Severity.ERROR, Severity.WARNING),
        reason="keys and hosts are sent in header fields and URLs, which are printable"
        " ASCII without blanks (RFC 9110, RFC 3986)",
        remedy="copy the value again, in one piece",
        broken=_foreign,
    ),
    Rule(
        name="pasted-line-break",
        variables=tuple(sorted(_FREE_TEXT)),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="it comes along with what is pasted, and who else signs or verifies may"
        " read the first line only",
        remedy="copy the key again, in one line",
        broken=_broken_lines,
    ),
    Rule(
        name="pasted-name",
        variables=KNOWN,
        severity=severities(Severity.ERROR, Severity.ERROR, Severity.WARNING),
        reason="a line of a file was pasted where the value alone belongs, and the name"
        " became part of it",
        remedy="write what follows the equals sign",
        broken=_named,
    ),
    Rule(
        name="pasted-blanks",
        variables=KNOWN,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="who else reads the variable may not take them off",
        remedy="write the value without them",
        broken=_padded,
    ),
)
