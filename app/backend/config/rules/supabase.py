"""Supabase's URL and keys: the right role, the right project, not expired.

A legacy key is a JSON Web Token, which is read here without being verified: the
claims ``role``, ``ref`` (of the project) and ``exp`` tell what it is for. The newer
``sb_publishable_`` and ``sb_secret_`` keys say their role and nothing else
(supabase.com/docs/guides/api/api-keys).
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import Broken, Facts, Rule, severities
from app.backend.config.urls import host_of, is_http, is_this_machine, split_url

__all__ = ["RULES", "read_claims"]

_ROLES: Final[Mapping[str, str]] = {
    "SUPABASE_ANON_KEY": "anon",
    "SUPABASE_SERVICE_ROLE_KEY": "service_role",
}
_KEYS = tuple(_ROLES)
_NEW_ROLES = {"sb_publishable_": "anon", "sb_secret_": "service_role"}
_WORDS = {"anon": "the anonymous role", "service_role": "the service role"}
_SOON = timedelta(days=30)


def read_claims(token: str) -> Mapping[str, Any] | None:
    """The payload of a JSON Web Token (RFC 7519), unverified; None: it has none."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        padding = "=" * (-len(parts[1]) % 4)
        claims = json.loads(urlsafe_b64decode(parts[1] + padding))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _tokens(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """The legacy keys and what they claim."""
    for name in _KEYS:
        text = facts.text(name) or ""
        if text.startswith("eyJ"):
            yield name, read_claims(text)


def _damaged(facts: Facts) -> Broken:
    for name, claims in _tokens(facts):
        if claims is None:
            yield name, "begins as a JSON Web Token and is none: it may be cut off"


def _wrong_role(facts: Facts) -> Broken:
    found = {name: claims.get("role") for name, claims in _tokens(facts) if claims}
    for name in _KEYS:
        text = facts.text(name) or ""
        for start, said in _NEW_ROLES.items():
            if text.startswith(start):
                found[name] = said
    for name, role in found.items():
        if role != _ROLES[name]:
            yield name, f"is a key of {_WORDS.get(str(role), 'another role')}"


def _wrong_project(facts: Facts) -> Broken:
    keys = {
        name: str(claims["ref"])
        for name, claims in _tokens(facts)
        if claims and claims.get("ref")
    }
    project = _project(facts.text("SUPABASE_URL") or "")
    for name, ref in keys.items():
        if project and ref != project:
            yield name, "belongs to another project than SUPABASE_URL"
    if not project and len(set(keys.values())) > 1:
        # Behind a custom domain, only the keys can be compared.
        yield _KEYS[1], "belongs to another project than SUPABASE_ANON_KEY"


def _project(url: str) -> str | None:
    host = host_of(url) or ""
    ref, _, domain = host.partition(".")
    return ref if domain in {"supabase.co", "supabase.in"} else None


def _expired(facts: Facts) -> Broken:
    for name, left in _lifetimes(facts):
        if left <= timedelta():
            yield name, "has expired"


def _expiring(facts: Facts) -> Broken:
    for name, left in _lifetimes(facts):
        if timedelta() < left <= _SOON:
            yield name, f"expires within {left.days + 1} days"


def _lifetimes(facts: Facts) -> Iterator[tuple[str, timedelta]]:
    for name, claims in _tokens(facts):
        expiry = claims.get("exp") if claims else None
        if isinstance(expiry, int | float) and 0 < expiry < _LAST_SECOND:
            yield name, datetime.fromtimestamp(expiry, UTC) - facts.now


_LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _bad_url(facts: Facts) -> Broken:
    url = facts.text("SUPABASE_URL")
    if url is None:
        return
    parts = split_url(url)
    if parts is None or not is_http(url):
        yield "SUPABASE_URL", "is no http(s) URL"
    elif _is_a_stand_in(facts, parts.hostname or ""):
        return
    elif parts.path.strip("/") or parts.query:
        yield "SUPABASE_URL", "goes on after the host, where clients add their paths"


def _is_a_stand_in(facts: Facts, host: str) -> bool:
    """On this machine, where no user is served, it may be below any path."""
    return is_this_machine(host) and not facts.config.is_production


_BROKEN = severities(Severity.ERROR, Severity.ERROR, Severity.WARNING)
_COPY = "copy the key again from the project's settings, under API keys"

RULES: Final = (
    Rule(
        name="supabase-url",
        variables=("SUPABASE_URL",),
        severity=_BROKEN,
        reason="clients append /auth/v1, /rest/v1 and so on to it",
        remedy="write it as https://, the project's reference, .supabase.co; the"
        " dashboard's address is another one",
        broken=_bad_url,
    ),
    Rule(
        name="supabase-key-damaged",
        variables=_KEYS,
        severity=_BROKEN,
        reason="a JSON Web Token has three parts between dots (RFC 7519)",
        remedy=_COPY,
        broken=_damaged,
    ),
    Rule(
        name="supabase-key-role",
        variables=_KEYS,
        severity=_BROKEN,
        reason="the service role goes past row level security and must not be where"
        " the public key is; the anonymous one cannot do the service's work",
        remedy="copy the key of the role that the variable's name says from the"
        " project's settings, under API keys; if the service role's was published,"
        " roll it",
        broken=_wrong_role,
    ),
    Rule(
        name="supabase-key-project",
        variables=_KEYS,
        severity=_BROKEN,
        reason="a project refuses another project's keys",
        remedy="take the URL and both keys from the same project",
        broken=_wrong_project,
    ),
    Rule(
        name="supabase-key-expired",
        variables=_KEYS,
        severity=_BROKEN,
        reason="the token's exp claim has passed",
        remedy=_COPY,
        timed=True,
        broken=_expired,
    ),
    Rule(
        name="supabase-key-expiring",
        variables=_KEYS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="the token's exp claim is near",
        remedy="change to the project's sb_publishable_ and sb_secret_ keys in time",
        timed=True,
        broken=_expiring,
    ),
)
