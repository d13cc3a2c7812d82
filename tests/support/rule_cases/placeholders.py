"""The documentation's own values."""

from collections.abc import Iterator

from tests.support.rule_cases.case import (
    ERROR,
    INFO,
    PRODUCTION,
    WARNING,
    Case,
    alike,
    case,
)

__all__ = ["placeholders_cases"]

_PLACEHOLDERS = {
    "ANTHROPIC_API_KEY": "sk-ant-...",
    "OPENAI_API_KEY": "sk-...",
    "TOGETHER_API_KEY": "...",
    "PINECONE_API_KEY": "<your key>",
    "RESEND_API_KEY": "re_xxxxxxxxx",
    "STRIPE_SECRET_KEY": "sk_...",
    "STRIPE_PUBLISHABLE_KEY": "pk_...",
    "STRIPE_WEBHOOK_SECRET": "whsec_...",
    "SENTRY_DSN": "https://examplePublicKey@o0.ingest.sentry.io/0",
    "POSTHOG_PROJECT_API_KEY": "phc_...",
    "PM33_SLACK_WEBHOOK": "https://hooks.slack.com/...",
    "SUPABASE_URL": "https://your-project.supabase.co",
    "DATABASE_URL": "postgresql+asyncpg://user:pass@host/db",
    "SECRET_KEY": "your-secret-key-32-chars-minimum",
    "JWT_SECRET": "changeme",
}


def placeholders_cases() -> Iterator[Case]:
    for name, text in _PLACEHOLDERS.items():
        found = (name, ERROR, "placeholder")
        yield case(f"documentation's {name}", PRODUCTION, {name: text}, found)
    shown = "postgresql://user:password@localhost:5432/dbname"
    found = ("DATABASE_URL", ERROR, "placeholder")
    yield case("tutorials' DATABASE_URL", PRODUCTION, {"DATABASE_URL": shown}, found)
    yield from alike(
        "a reference of Railway's that is not resolved",
        {"REDIS_URL": "${{Redis.REDIS_URL}}"},
        "REDIS_URL",
        "placeholder",
        production=ERROR,
        staging=WARNING,
        development=INFO,
    )
