"""Keys that sign, and tokens."""

from collections.abc import Iterator

from tests.support.rule_cases.case import (
    ERROR,
    INFO,
    PRODUCTION,
    WARNING,
    Case,
    Change,
    alike,
    case,
)

__all__ = ["signing_cases"]

_HOOK = "PM33_RAILWAY_HOOK_SECRET"


def signing_cases() -> Iterator[Case]:
    for name, text, rule in (
        ("a short key", "Wv7pLq2xZk9", "short-secret"),
        ("a key of 31 characters", "pZ3vK9wQ7tX1mB5nL8cR2dF6gH0jS4y", "short-secret"),
        ("a key of one letter", "a" * 40, "weak-secret"),
        ("a key of a word", "password" * 5, "weak-secret"),
        ("a key of digits in order", "1234567890" * 4, "weak-secret"),
        ("a key of words", "my-super-secret-production-jwt-key", "weak-secret"),
    ):
        yield from alike(
            name,
            {"SECRET_KEY": text},
            "SECRET_KEY",
            rule,
            production=ERROR,
            staging=WARNING,
            development=None,
        )
    both = "Rk5mT8yQ2wZ7xC4vB9nL3jH6gF1dS0pA"
    yield from alike(
        "one key for both",
        {"SECRET_KEY": both, "JWT_SECRET": both},
        "JWT_SECRET",
        "same-secret",
        production=ERROR,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "a token that signs, too",
        {"SECRET_KEY": both, "PM33_ADMIN_TOKEN": both},
        "PM33_ADMIN_TOKEN",
        "same-secret",
        production=ERROR,
        staging=WARNING,
        development=None,
    )
    for name, text, rule in (
        ("no day", "SECRET_KEY=2026-11-01,JWT_SECRET=yesterday", "rotation-days"),
        ("no name", "2026-11-01", "rotation-days"),
        ("a day to come", "SECRET_KEY=2099-01-01", "rotation-to-come"),
    ):
        yield from alike(
            f"{name} of a rotation",
            {"PM33_ROTATED": text},
            "PM33_ROTATED",
            rule,
            production=WARNING,
            staging=WARNING,
            development=None,
        )
    yield from _rest()


def _rest() -> Iterator[Case]:
    both = "Rk5mT8yQ2wZ7xC4vB9nL3jH6gF1dS0pA"
    tomorrow = "SECRET_KEY=2026-11-24, JWT_SECRET=2026-11-23T12:00:00+00:00,"
    yield case("tomorrow, east of here", PRODUCTION, {"PM33_ROTATED": tomorrow})
    previous = "JWT_SECRET_PREVIOUS"
    yield from alike(
        "a previous key",
        {previous: both},
        previous,
        "previous-key-of-unknown-age",
        production=INFO,
        staging=INFO,
        development=None,
    )
    rotated: Change = {
        previous: both,
        "PM33_ROTATED": "JWT_SECRET=2026-11-01",
    }
    yield case("a previous key of known age", PRODUCTION, {**rotated})
    old = rotated | {"PM33_ROTATED": "SECRET_KEY=2026-11-20, JWT_SECRET=2026-10-01"}
    yield from alike(
        "a previous key kept too long",
        {**old},
        previous,
        "previous-key-kept",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "a previous key that is the same",
        {**rotated, "JWT_SECRET": both},
        previous,
        "same-previous-key",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "a short token",
        {"PM33_ADMIN_TOKEN": "letmein"},
        "PM33_ADMIN_TOKEN",
        "short-token",
        production=WARNING,
        staging=None,
    )
    yield from _hook_cases(both)


def _hook_cases(both: str) -> Iterator[Case]:
    token = "a-project-token-of-9f2c7b41"
    yield from alike(
        "a secret that no address can hold",
        {"RAILWAY_TOKEN": token, _HOOK: f"{both}/{both}"},
        _HOOK,
        "hook-secret-in-address",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "webhooks that nobody can check",
        {_HOOK: f"{both}{both}"},
        _HOOK,
        "hook-without-token",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "webhooks as they should be",
        {"RAILWAY_API_TOKEN": token, _HOOK: f"{both}{both}"},
        _HOOK,
        "hook-without-token",
        production=None,
        staging=None,
    )
