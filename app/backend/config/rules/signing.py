"""The keys that sign, and the tokens of the service's own endpoints."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import Broken, Facts, Rule, severities
from app.backend.config.rules.strength import ENOUGH_BITS, bits

__all__ = ["RULES"]

_KEYS = ("SECRET_KEY", "JWT_SECRET")
_ROTATED = (*_KEYS, "STRIPE_WEBHOOK_SECRET")
_PREVIOUS = tuple(f"{name}_PREVIOUS" for name in _ROTATED)
_TOKENS = (
    *("PM33_ADMIN_TOKEN", "PM33_METRICS_TOKEN", "PM33_HEARTBEAT_TOKEN"),
    "PM33_RAILWAY_HOOK_SECRET",
)
_IN_PATHS = re.compile(r"[A-Za-z0-9._~-]*")
_HOOK = "PM33_RAILWAY_HOOK_SECRET"
_READERS = ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN")
_DAYS = "PM33_ROTATED"
_LENGTH = 32
_TOKEN_LENGTH = 22
_MAKE_ONE = 'make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def _short(facts: Facts) -> Broken:
    for name in _KEYS:
        text = facts.text(name)
        if text is not None and len(text) < _LENGTH:
            yield name, f"has fewer than {_LENGTH} characters"


def _weak(facts: Facts) -> Broken:
    for name in _KEYS:
        text = facts.text(name)
        if text is not None and len(text) >= _LENGTH and bits(text) < ENOUGH_BITS:
            yield name, "is long, but made of words, repetitions or sequences"


def _same(facts: Facts) -> Broken:
    first, second = (facts.text(name) for name in _KEYS)
    if first is not None and first == second:
        yield _KEYS[1], f"is the same as {_KEYS[0]}"
    for token in _TOKENS:
        text = facts.text(token)
        same = [name for name in _KEYS if text is not None and text == facts.text(name)]
        if same:
            yield token, f"is the same as {same[0]}"


def _not_rotated(facts: Facts) -> Broken:
    for name in _ROTATED:
        text = facts.text(name)
        if text is not None and text == facts.text(f"{name}_PREVIOUS"):
            yield f"{name}_PREVIOUS", f"is the same as {name}"


def _short_token(facts: Facts) -> Broken:
    for name in _TOKENS:
        text = facts.text(name)
        if text is not None and len(text) < _TOKEN_LENGTH:
            yield name, f"has fewer than {_TOKEN_LENGTH} characters"


def _not_for_paths(facts: Facts) -> Broken:
    text = facts.text(_HOOK)
    if text is not None and not _IN_PATHS.fullmatch(text):
        yield _HOOK, "has characters that cannot stand in an address as they are"


def _unread(facts: Facts) -> Broken:
    if facts.is_there(_HOOK) and not any(map(facts.is_there, _READERS)):
        yield _HOOK, f"is set without {' or '.join(_READERS)}, so no hook is taken"


def _kept(facts: Facts) -> Iterator[tuple[str, datetime | None]]:
    """The previous keys, and since when each one is previous, if that is known."""
    since = dict(_rotations(facts.config.security.rotated or ""))
    for name in _ROTATED:
        if facts.is_there(f"{name}_PREVIOUS"):
            yield f"{name}_PREVIOUS", since.get(name)


def _rotations(told: str) -> Iterator[tuple[str, datetime]]:
    """What can be read of ``PM33_ROTATED``."""
    return ((name, moment) for name, moment in _told_rotations(told) if moment)


def _told_rotations(told: str) -> Iterator[tuple[str, datetime | None]]:
    for part in filter(None, map(str.strip, told.split(","))):
        name, _, day = part.partition("=")
        try:
            moment = datetime.fromisoformat(day.strip())
        except ValueError:
            yield name, None
        else:
            yield name, moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _no_days(facts: Facts) -> Broken:
    told = _told_rotations(facts.text(_DAYS) or "")
    for number, (name, moment) in enumerate(told, 1):
        if moment is None or not name.strip():
            yield _DAYS, f"has no name and day in entry {number}"


def _to_come(facts: Facts) -> Broken:
    """A day is let pass: where it was written, it may be tomorrow already."""
    told = _told_rotations(facts.text(_DAYS) or "")
    for number, (_, moment) in enumerate(told, 1):
        if moment and moment - facts.now > timedelta(days=1):
            yield _DAYS, f"tells a day that is to come in entry {number}"


def _kept_too_long(facts: Facts) -> Broken:
    ttl = timedelta(seconds=facts.config.security.previous_key_ttl)
    for name, since in _kept(facts):
        if since is not None and facts.now - since > ttl:
            days = (facts.now - since).days
            yield name, f"is still accepted, {days} days after it was replaced"


def _of_unknown_age(facts: Facts) -> Broken:
    for name, since in _kept(facts):
        if since is None:
            yield name, "is still accepted, and PM33_ROTATED does not tell since when"


_STRICT = severities(Severity.ERROR, Severity.WARNING)

RULES: Final = (
    Rule(
        name="short-secret",
        variables=_KEYS,
        severity=_STRICT,
        reason="the specification wants 32 characters; RFC 7518 (3.2) 256 bits for"
        " HS256",
        remedy=_MAKE_ONE,
        broken=_short,
    ),
    Rule(
        name="weak-secret",
        variables=_KEYS,
        severity=_STRICT,
        reason="who guesses it offline signs whatever they like (see"
        " app.backend.config.rules.strength for the measure)",
        remedy=_MAKE_ONE,
        broken=_weak,
    ),
    Rule(
        name="same-secret",
        variables=("JWT_SECRET", *_TOKENS),
        severity=_STRICT,
        reason="what one of them signs must not pass for what the other one does, who"
        " sends a token must not be able to sign, and each has to be replaceable"
        " alone",
        remedy=_MAKE_ONE,
        broken=_same,
    ),
    Rule(
        name="same-previous-key",
        variables=_PREVIOUS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="nothing has been rotated, although it looks so",
        remedy="take the variable away, or put the key there that was used before",
        broken=_not_rotated,
    ),
    Rule(
        name="short-token",
        variables=_TOKENS,
        severity=severities(Severity.WARNING),
        reason="22 characters of base64 are 128 bits; these tokens open endpoints"
        " that can roll back a release",
        remedy=_MAKE_ONE,
        broken=_short_token,
    ),
    Rule(
        name="hook-secret-in-address",
        variables=(_HOOK,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="Railway's webhooks carry it in their address, where letters, digits and"
        " -._~ alone mean themselves (RFC 3986, 2.3)",
        remedy=_MAKE_ONE,
        broken=_not_for_paths,
    ),
    Rule(
        name="hook-without-token",
        variables=(_HOOK,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="a webhook is not believed: the service asks Railway how things are, and"
        " answers 404 where it cannot",
        remedy="give the service a token of its own project and environment, or take"
        f" {_HOOK} away",
        broken=_unread,
    ),
    Rule(
        name="previous-key-kept",
        variables=_PREVIOUS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="a key that was replaced because others may know it must go, too"
        " (PM33_PREVIOUS_KEY_TTL, 30 days by default)",
        remedy="take the variable away; what it signed has to be renewed",
        timed=True,
        broken=_kept_too_long,
    ),
    Rule(
        name="previous-key-of-unknown-age",
        variables=_PREVIOUS,
        severity=severities(Severity.INFO, Severity.INFO),
        reason="pm33 env rotate writes PM33_ROTATED, by which it can be told when a"
        " previous key has been kept too long",
        remedy="take the variable away once nothing that it signed is in use, or add"
        " NAME=date to PM33_ROTATED",
        broken=_of_unknown_age,
    ),
    Rule(
        name="rotation-days",
        variables=(_DAYS,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="nobody is told when the key before has been kept too long",
        remedy="write it as NAME=2026-11-23, separated by commas; pm33 env rotate does",
        broken=_no_days,
    ),
    Rule(
        name="rotation-to-come",
        variables=(_DAYS,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="until then, nobody is told that the key before is kept too long",
        remedy="write the day on which the key was rotated",
        timed=True,
        broken=_to_come,
    ),
)
