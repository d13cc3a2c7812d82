"""What has to be there."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.known import KNOWN, SECRETS
from app.backend.config.rules.model import (
    EVERYWHERE,
    Broken,
    Facts,
    Rule,
    severities,
)
from app.backend.config.rules.placeholders import JUDGED

__all__ = ["REQUIRED", "RULES"]

REQUIRED: Final[Mapping[str, str | None]] = {
    "DATABASE_URL": None,
    "DB_POOL_SIZE": None,
    "DB_SSL_REQUIRE": None,
    "ANTHROPIC_API_KEY": "anthropic",
    "OPENAI_API_KEY": "openai",
    "TOGETHER_API_KEY": "together",
    "PINECONE_API_KEY": "pinecone",
    "PINECONE_ENVIRONMENT": "pinecone",
    "PINECONE_INDEX": "pinecone",
    "SUPABASE_URL": "supabase",
    "SUPABASE_ANON_KEY": "supabase",
    "SUPABASE_SERVICE_ROLE_KEY": "supabase",
    "RESEND_API_KEY": "resend",
    "STRIPE_SECRET_KEY": "stripe",
    "STRIPE_PUBLISHABLE_KEY": "stripe",
    "STRIPE_WEBHOOK_SECRET": "stripe",
    "SENTRY_DSN": "sentry",
    "POSTHOG_PROJECT_API_KEY": "posthog",
    "PM33_SLACK_WEBHOOK": "slack",
    "SECRET_KEY": None,
    "JWT_SECRET": None,
}
"""The specification's list, with the service each belongs to, if it can be left out."""

_KNOWN = frozenset(KNOWN)
_OPTIONAL = "PINECONE_ENVIRONMENT"
_CORE = tuple(name for name, service in REQUIRED.items() if not service)
_OF_SERVICES = tuple(
    name for name, service in REQUIRED.items() if service and name != _OPTIONAL
)
_SERVICES = tuple(sorted({service for service in REQUIRED.values() if service}))
_MONITORING = ("SENTRY_DSN", "POSTHOG_PROJECT_API_KEY", "PM33_SLACK_WEBHOOK")


def _missing(names: tuple[str, ...], facts: Facts) -> Broken:
    strangers = {
        one: set(one.split("_"))
        for one, text in facts.variables.values.items()
        if one not in _KNOWN and text.strip()
    }
    for name in names:
        service = REQUIRED[name]
        if (service is None or facts.needs(service)) and not facts.is_there(name):
            # Read as the secret's own file, which a blank value does not name.
            empty = f"{name}_FILE" in facts.variables.values and name in SECRETS
            instead = _instead(name, strangers)
            told = f", and {name}_FILE is empty" if empty else instead
            yield name, f"is not set{told}"


def _instead(name: str, strangers: Mapping[str, set[str]]) -> str:
    """Names a variable that may have been meant to be this one."""
    own = name.split("_")
    related = [one for one, words in strangers.items() if not words.isdisjoint(own)]
    near = get_close_matches(name, related, n=1, cutoff=0.8)
    return f", but {near[0]} is" if near else ""


def _core(facts: Facts) -> Broken:
    return _missing(_CORE, facts)


def _of_services(facts: Facts) -> Broken:
    return _missing(_OF_SERVICES, facts)


def _optional(facts: Facts) -> Broken:
    return _missing((_OPTIONAL,), facts)


def _monitoring(facts: Facts) -> Broken:
    return _missing(_MONITORING, facts)


def _unwatched(facts: Facts) -> Broken:
    for name in _MONITORING:
        service = REQUIRED[name]
        if service and not facts.needs(service):
            yield "PM33_DISABLED_SERVICES", f"leaves out {service}"


def _no_service(facts: Facts) -> Broken:
    for number, name in enumerate(facts.config.services.disabled, 1):
        if name.lower() not in _SERVICES:
            yield (
                "PM33_DISABLED_SERVICES",
                f"entry {number} is no service, so nothing is left out by it",
            )


def _placeholders(facts: Facts) -> Broken:
    for name in sorted(facts.placeholders):
        yield name, "holds a placeholder, or a reference that nothing has filled in"


RULES: Final = (
    Rule(
        name="required",
        variables=_CORE,
        severity=severities(production=Severity.ERROR),
        reason="the specification's list",
        remedy="set it",
        broken=_core,
    ),
    Rule(
        name="required-by-service",
        variables=_OF_SERVICES,
        severity=severities(production=Severity.ERROR),
        reason="the specification's list, unless the service is not in use",
        remedy="set it, or name its service in PM33_DISABLED_SERVICES"
        f" ({', '.join(_SERVICES)})",
        broken=_of_services,
    ),
    Rule(
        name="recommended-monitoring",
        variables=_MONITORING,
        severity=severities(staging=Severity.WARNING),
        reason="the specification recommends monitoring in staging, for testing",
        remedy="set it, or name its service in PM33_DISABLED_SERVICES",
        broken=_monitoring,
    ),
    Rule(
        name="placeholder",
        variables=JUDGED,
        severity=severities(Severity.ERROR, Severity.WARNING, Severity.INFO),
        reason="what everybody can read in a documentation is no secret and opens"
        " nothing",
        remedy="put the real value there",
        broken=_placeholders,
    ),
    Rule(
        name="unknown-service",
        variables=("PM33_DISABLED_SERVICES",),
        severity=dict.fromkeys(EVERYWHERE, Severity.WARNING),
        reason="a misspelt name leaves nothing out",
        remedy=f"name some of: {', '.join(_SERVICES)}",
        broken=_no_service,
    ),
    Rule(
        name="monitoring-left-out",
        variables=("PM33_DISABLED_SERVICES",),
        severity=severities(production=Severity.INFO),
        reason="the specification wants all monitoring services in production",
        remedy="take it off the list, unless something else watches",
        broken=_unwatched,
    ),
    Rule(
        name="pinecone-environment",
        variables=(_OPTIONAL,),
        severity=severities(production=Severity.INFO),
        reason="pod-based indexes are addressed by it, serverless ones have none",
        remedy="set it if the index is pod-based",
        broken=_optional,
    ),
)
