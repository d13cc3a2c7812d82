"""Several things at once."""

from collections.abc import Iterator

from tests.support.plausible import key
from tests.support.rule_cases.case import ERROR, PRODUCTION, WARNING, Case, case

__all__ = ["combined_cases"]


def combined_cases() -> Iterator[Case]:
    yield case(
        "a required variable under a misspelt name",
        PRODUCTION,
        {"ANTHROPIC_API_KEY": None, "ANTROPIC_API_KEY": "sk-ant-api03-" + key("x")},
        ("ANTHROPIC_API_KEY", ERROR, "required-by-service"),
        ("ANTROPIC_API_KEY", WARNING, "misspelt-name"),
    )
    yield case(
        "a URI instead of the URL",
        PRODUCTION,
        {"DATABASE_URL": None, "DATABASE_URI": "postgresql://app@db.pm33.app/pm33"},
        ("DATABASE_URL", ERROR, "required"),
        ("DATABASE_URI", WARNING, "misspelt-name"),
    )
    yield case(
        "the documentation's two keys",
        PRODUCTION,
        {
            "SECRET_KEY": "your-secret-key-32-chars-minimum",
            "JWT_SECRET": "your-jwt-secret-32-chars-minimum",
        },
        ("JWT_SECRET", ERROR, "placeholder"),
        ("SECRET_KEY", ERROR, "placeholder"),
    )
    yield case(
        "a wrong word, a quote and a name at once",
        PRODUCTION,
        {"PORT": "x", "DEBUG": '"yes"', "PM33_DISABLED_SERVICES": "slak"},
        ("PORT", ERROR, "unusable-value"),
        ("DEBUG", ERROR, "pasted-quotes"),
        ("PM33_DISABLED_SERVICES", WARNING, "unknown-service"),
    )
    yield case(
        "development's file in production",
        PRODUCTION,
        {
            "DATABASE_URL": "postgresql://postgres@localhost/postgres",
            "DB_SSL_REQUIRE": "false",
            "DEBUG": "true",
            "STRIPE_SECRET_KEY": key("sk", "test"),
            "SECRET_KEY": "dev",
        },
        ("SECRET_KEY", ERROR, "short-secret"),
        ("DEBUG", ERROR, "debug"),
        ("STRIPE_SECRET_KEY", ERROR, "stripe-test-key"),
        ("DATABASE_URL", WARNING, "local-service"),
    )
    yield case(
        "an environment that does not exist", PRODUCTION, {"ENVIRONMENT": "prod"}
    )
