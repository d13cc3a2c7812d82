"""Debug, limits, hosts, and the time to drain."""

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

__all__ = ["hosting_cases"]


def hosting_cases() -> Iterator[Case]:
    """What is shown to whom, and how it ends."""
    yield from _shown()
    yield from _drained()


def _shown() -> Iterator[Case]:
    hosts = "ALLOWED_HOSTS"
    strict = {"production": ERROR, "staging": INFO, "development": None}
    yield from alike("debug", {"DEBUG": "true"}, "DEBUG", "debug", **strict)
    yield from alike(
        "no rate limit",
        {"RATE_LIMIT_ENABLED": "no"},
        "RATE_LIMIT_ENABLED",
        "rate-limit",
        **strict,
    )
    yield case("debug off", PRODUCTION, {"DEBUG": "0", "RATE_LIMIT_ENABLED": "1"})
    yield from alike(
        "every host",
        {hosts: "pm33.app, *"},
        hosts,
        "any-host",
        production=ERROR,
        staging=WARNING,
        development=None,
    )
    for name, text in {"in a list of JSON's": '["*"]', "in quotes": '"*", a.b'}.items():
        found = (hosts, ERROR, "any-host")
        quoted = ((hosts, ERROR, "pasted-quotes"),) if text[0] == '"' else ()
        yield case(f"every host {name}", PRODUCTION, {hosts: text}, found, *quoted)
    yield case("a list of JSON's", PRODUCTION, {hosts: '["pm33.app", "*.b.app"]'})
    yield case("every host below one", PRODUCTION, {hosts: "*.pm33.app"})
    nothing: Change = {hosts: None, "PM33_PLATFORM": "local"}
    yield from alike(
        "no host", nothing, hosts, "allowed-hosts", production=WARNING, staging=None
    )
    yield case(
        "a host from the public URL",
        PRODUCTION,
        nothing | {"PM33_PUBLIC_URL": "https://pm33.app"},
    )
    yield case(
        "hosts that Railway will tell",
        PRODUCTION,
        {hosts: None},
        (hosts, WARNING, "allowed-hosts-by-railway"),
    )
    railway: Change = {hosts: None, "RAILWAY_DEPLOYMENT_ID": "d1"}
    yield case(
        "on Railway without a domain",
        PRODUCTION,
        railway,
        (hosts, WARNING, "allowed-hosts"),
    )
    yield case(
        "on Railway with a domain",
        PRODUCTION,
        railway | {"RAILWAY_PUBLIC_DOMAIN": "pm33.up.railway.app"},
    )
    yield from alike(
        "a public URL that is none",
        {"PM33_PUBLIC_URL": "pm33.app"},
        "PM33_PUBLIC_URL",
        "public-url",
        production=WARNING,
        staging=WARNING,
        development=WARNING,
    )


def _drained() -> Iterator[Case]:
    drain = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
    yield from alike(
        "too little time to drain",
        {drain: "30", "PM33_DRAIN_TIMEOUT": "26"},
        drain,
        "drain-budget",
        production=ERROR,
        staging=ERROR,
        development=ERROR,
    )
    for name, change in {
        "nothing left for requests in flight": {drain: "5"},
        "nothing left beside a lame duck": {drain: "30", "PM33_LAME_DUCK": "25"},
    }.items():
        yield case(name, PRODUCTION, {**change}, (drain, ERROR, "drain-budget"))
    yield case("little time to drain, on Railway to be", PRODUCTION, {drain: "6"})
    yield case(
        "the same on Railway",
        PRODUCTION,
        {drain: "6", "RAILWAY_DEPLOYMENT_ID": "d1"},
    )
    yield case(
        "the same elsewhere, where a lame duck comes first",
        PRODUCTION,
        {drain: "6", "PM33_PLATFORM": "local"},
        (drain, ERROR, "drain-budget"),
    )
    yield case(
        "no time for requests in flight, as asked",
        PRODUCTION,
        {drain: "5", "PM33_DRAIN_TIMEOUT": "0"},
    )
    yield case(
        "time to drain that just fits",
        PRODUCTION,
        {drain: "30", "PM33_DRAIN_TIMEOUT": "25", "PM33_LAME_DUCK": "0"},
    )
    yield from alike(
        "on Railway without a word on draining",
        {drain: None, "RAILWAY_DEPLOYMENT_ID": "d1"},
        drain,
        "drain-budget-untold",
        production=WARNING,
        staging=WARNING,
    )
    yield case(
        "draining that railway.toml may set",
        PRODUCTION,
        {drain: None},
        (drain, WARNING, "drain-budget-by-railway"),
    )
