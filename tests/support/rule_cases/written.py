"""How values and names are written."""

from collections.abc import Iterator

from tests.support.plausible import key
from tests.support.rule_cases.case import (
    ERROR,
    INFO,
    PRODUCTION,
    WARNING,
    Case,
    alike,
    case,
)

__all__ = ["written_cases"]


def written_cases() -> Iterator[Case]:
    everywhere = {"production": ERROR, "staging": ERROR, "development": ERROR}
    for name, variable, text in (
        ("a quoted number", "DB_POOL_SIZE", '"20"'),
        ("a quoted word", "DB_SSL_REQUIRE", "'true'"),
        ("a quoted key", "RESEND_API_KEY", f'"{key("re")}"'),
        ("a quote left over", "RESEND_API_KEY", f'{key("re")}"'),
        ("a typographer's quotes", "RESEND_API_KEY", f"\u201c{key('re')}\u201d"),
    ):
        yield from alike(
            name, {variable: text}, variable, "pasted-quotes", **everywhere
        )
    for name in ("SECRET_KEY", "JWT_SECRET"):
        quoted = "\u201cx7Qp2vLr9TzKcW4nY8bGdM3sHjF6aEuR\u201d"
        yield from alike(
            f"{name} in a typographer's quotes",
            {name: quoted},
            name,
            "pasted-quotes",
            **everywhere,
        )
    yield case(
        "a random key between two kinds of quotes",
        PRODUCTION,
        {"SECRET_KEY": "'x7Qp2vLr9TzKcW4nY8bGdM3sHjF6aEuRk\""},
    )
    for text in ("SECRET_KEY=", "export SECRET_KEY="):
        yield from alike(
            f"a whole line: {text}",
            {"SECRET_KEY": f"{text}x7Qp2vLr9TzKcW4nY8bGdM3sHjF6aEuR"},
            "SECRET_KEY",
            "pasted-name",
            production=ERROR,
            staging=ERROR,
            development=WARNING,
        )
    for name, text in {
        "a key in two lines": key("re") + "\n" + key("x"),
        "a key with a blank": key("re") + " " + key("x"),
        "a key with a dash of a word processor": key("re") + "\u2013x",
        "a key with a blank nobody sees": key("re") + "\u200bx",
    }.items():
        yield from alike(
            name,
            {"RESEND_API_KEY": text},
            "RESEND_API_KEY",
            "pasted-characters",
            production=ERROR,
            staging=ERROR,
            development=WARNING,
        )
    for name, text in {
        "SUPABASE_URL": "https://qzvtkwmrhxnblydcsgpf.\nsupabase.co",
        "POSTHOG_HOST": "https://eu. posthog.com",
        "PM33_PUBLIC_URL": "https://pm33\u200b.app",
        "ALLOWED_HOSTS": "pm33.app www.pm33.app",
        "STRIPE_PUBLISHABLE_KEY": key("pk", "test") + " " + key("x"),
        "PINECONE_INDEX": "pm33\u2013production",
    }.items():
        yield case(
            f"a blank or another alphabet in {name}",
            PRODUCTION,
            {name: text.replace("_test_", "_live_")},
            (name, ERROR, "pasted-characters"),
        )
    yield from _rest()


def _rest() -> Iterator[Case]:
    everywhere = {"production": ERROR, "staging": ERROR, "development": ERROR}
    yield case(
        "blanks after the commas", PRODUCTION, {"ALLOWED_HOSTS": "pm33.app, b.app"}
    )
    yield from alike(
        "a signing key in two lines",
        {"SECRET_KEY": "pZ3vK9wQ7tX1mB5nL8cR\n2dF6gH0jS4yU-aE_kT"},
        "SECRET_KEY",
        "pasted-line-break",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "a line break at the end",
        {"OPENAI_API_KEY": "sk-proj-" + key("x") + "\n"},
        "OPENAI_API_KEY",
        "pasted-blanks",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    for name, variable, text in (
        ("a number that is none", "DB_POOL_SIZE", "many"),
        ("a flag that is none", "DB_SSL_REQUIRE", "maybe"),
        ("a port that is none", "PORT", "eighty"),
        ("a knob that is none", "HEALTH_OPENAI_TIMEOUT", "soon"),
    ):
        yield from alike(
            name, {variable: text}, variable, "unusable-value", **everywhere
        )
    for name, text, severity in (
        ("a knob of no check that comes along", "never", WARNING),
        ("somebody else's duration", "30s", None),
    ):
        yield from alike(
            name,
            {"HEALTH_CHECK_TIMEOUT": text},
            "HEALTH_CHECK_TIMEOUT",
            "unusable-value",
            production=severity,
            staging=severity,
            development=severity,
        )
    yield from _named()


def _named() -> Iterator[Case]:
    for name in (
        *("ENVIROMENT", "PM33_DEFAULT_ENVIROMENT", "RAILWAY_TOKN", "OPENAI_API_KY"),
        *("SECRET_KY", "SENTRY_DS"),
    ):
        found = (name, WARNING, "misspelt-name")
        yield case(f"a slip: {name}", PRODUCTION, {name: "1"}, found)
    slip = "HEALTH_DATABSE_PERIOD"
    yield case(
        "a slip in a check", PRODUCTION, {slip: "2"}, (slip, WARNING, "misspelt-name")
    )
    own = {"HEALTH_QUEUE_PERIOD": "2", "HEALTH_SYSTEM_TIMEOUT": "2"}
    yield case("checks of one's own", PRODUCTION, {**own})
    yield case(
        "a URI beside the URL", PRODUCTION, {"DATABASE_URI": "sqlite:///here.db"}
    )
    yield from alike(
        "a misspelt name",
        {"SENTRY_RELAESE": "1", "POSTHOG_HSOT": "https://eu.posthog.com"},
        "POSTHOG_HSOT",
        "misspelt-name",
        production=WARNING,
        staging=WARNING,
        development=INFO,
    )
