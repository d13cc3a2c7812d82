"""Supabase's URL and keys."""

from collections.abc import Iterator

from tests.support.plausible import key, token
from tests.support.rule_cases.case import (
    DEVELOPMENT,
    ERROR,
    PRODUCTION,
    STAGING,
    WARNING,
    Case,
    Change,
    alike,
    case,
)

__all__ = ["supabase_cases"]


_ANON, _SERVICE, _URL = (
    *("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    "SUPABASE_URL",
)


def supabase_cases() -> Iterator[Case]:
    newer: Change = {
        _ANON: key("sb", "publishable"),
        _SERVICE: key("sb", "secret"),
    }
    yield case("the newer keys", PRODUCTION, newer)
    swapped: Change = {
        _ANON: token("service_role"),
        _SERVICE: token("anon"),
    }
    for name, change in {
        "swapped keys": swapped,
        "swapped newer keys": {_ANON: newer[_SERVICE], _SERVICE: newer[_ANON]},
    }.items():
        yield case(
            name,
            PRODUCTION,
            change,
            (_ANON, ERROR, "supabase-key-role"),
            (_SERVICE, ERROR, "supabase-key-role"),
        )
    for name, wrong, variable, rule in (
        ("a user's token", {_ANON: token("authenticated")}, _ANON, "supabase-key-role"),
        (
            "a key of another project",
            {_SERVICE: token("service_role", ref="abcdefghijklmnopqrst")},
            _SERVICE,
            "supabase-key-project",
        ),
        (
            "a key cut off",
            {_SERVICE: token("service_role")[:60]},
            _SERVICE,
            "supabase-key-damaged",
        ),
        (
            "an expired key",
            {_ANON: token("anon", exp=1_700_000_000)},
            _ANON,
            "supabase-key-expired",
        ),
        (
            "the dashboard's address",
            {_URL: "https://supabase.com/dashboard/project/qzvtkwmrhxnblydcsgpf"},
            _URL,
            "supabase-url",
        ),
        ("no URL", {_URL: "qzvtkwmrhxnblydcsgpf.supabase.co"}, _URL, "supabase-url"),
    ):
        yield from alike(
            name,
            {**wrong},
            variable,
            rule,
            production=ERROR,
            staging=ERROR,
            development=WARNING,
        )
    yield from _rest()


def _rest() -> Iterator[Case]:
    stand_in = {_URL: "http://127.0.0.1:54321/supabase"}
    found = (_URL, ERROR, "supabase-url")
    local = (_URL, WARNING, "local-service")
    yield case("a stand-in below a path", PRODUCTION, {**stand_in}, found, local)
    yield case("a stand-in below a path", STAGING, {**stand_in})
    yield case("a stand-in below a path", DEVELOPMENT, {**stand_in})
    yield case(
        "the _SERVICE role's key twice",
        PRODUCTION,
        {_ANON: token("service_role")},
        (_ANON, ERROR, "supabase-key-role"),
    )
    yield from alike(
        "a key that expires soon",
        {_ANON: token("anon", exp=1_795_600_000)},
        _ANON,
        "supabase-key-expiring",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield case(
        "keys of two projects behind a domain of one's own",
        PRODUCTION,
        {
            _URL: "https://api.pm33.app",
            _ANON: token("anon", ref="abcdefghijklmnopqrst"),
        },
        (_SERVICE, ERROR, "supabase-key-project"),
    )
