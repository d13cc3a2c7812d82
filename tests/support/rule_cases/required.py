"""What is missing, and what only looks as if it were there."""

from collections.abc import Iterator

from tests.support.rule_cases.case import (
    ERROR,
    INFO,
    PRODUCTION,
    STAGING,
    WARNING,
    Case,
    Change,
    Expected,
    alike,
    case,
)

__all__ = ["required_cases"]

_REQUIRED = (
    *("DATABASE_URL", "DB_POOL_SIZE", "DB_SSL_REQUIRE", "SECRET_KEY", "JWT_SECRET"),
)


_BY_SERVICE = (
    *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY", "PINECONE_API_KEY"),
    *("PINECONE_INDEX", "SUPABASE_URL", "SUPABASE_ANON_KEY", "RESEND_API_KEY"),
    *("SUPABASE_SERVICE_ROLE_KEY", "STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"),
    *("STRIPE_WEBHOOK_SECRET", "SENTRY_DSN", "POSTHOG_PROJECT_API_KEY"),
    "PM33_SLACK_WEBHOOK",
)


def _of(name: str, rule: str = "required") -> Expected:
    return (name, ERROR, rule)


_QUOTES_ONLY = (_of("SECRET_KEY", "pasted-quotes"),)


_WITHOUT_STRIPE: Change = {
    "STRIPE_SECRET_KEY": None,
    "STRIPE_PUBLISHABLE_KEY": None,
    "STRIPE_WEBHOOK_SECRET": None,
    "PM33_DISABLED_SERVICES": "stripe",
}


_WITHOUT_SENTRY: tuple[Change, Expected] = (
    {"SENTRY_DSN": None, "PM33_DISABLED_SERVICES": "sentry"},
    ("PM33_DISABLED_SERVICES", INFO, "monitoring-left-out"),
)


def required_cases() -> Iterator[Case]:
    for name in _REQUIRED:
        yield case(
            f"without {name}", PRODUCTION, {name: None}, (name, ERROR, "required")
        )
    for name in _BY_SERVICE:
        found = (name, ERROR, "required-by-service")
        yield case(f"without {name}", PRODUCTION, {name: None}, found)
    yield from alike(
        "without a Pinecone environment",
        {"PINECONE_ENVIRONMENT": None},
        "PINECONE_ENVIRONMENT",
        "pinecone-environment",
        production=INFO,
        staging=None,
    )
    yield case("an empty key", PRODUCTION, {"SECRET_KEY": "  "}, _of("SECRET_KEY"))
    yield case("quotes only", PRODUCTION, {"SECRET_KEY": '""'}, *_QUOTES_ONLY)
    yield case("without Stripe, which is named", PRODUCTION, _WITHOUT_STRIPE)
    for name in ("SENTRY_DSN", "POSTHOG_PROJECT_API_KEY", "PM33_SLACK_WEBHOOK"):
        found = (name, WARNING, "recommended-monitoring")
        yield case(f"without {name}", STAGING, {name: None}, found)
    yield case("without Sentry, which is named", PRODUCTION, *_WITHOUT_SENTRY)
    yield from alike(
        "a service that does not exist",
        {"PM33_DISABLED_SERVICES": "strip"},
        "PM33_DISABLED_SERVICES",
        "unknown-service",
        production=WARNING,
        staging=WARNING,
        development=WARNING,
    )
