"""Databases and caches."""

from collections.abc import Iterator

from tests.support.plausible import PUBLIC_DATABASE
from tests.support.rule_cases.case import (
    ERROR,
    INFO,
    PRODUCTION,
    STAGING,
    WARNING,
    Case,
    Change,
    alike,
    case,
)

__all__ = ["database_cases"]


def database_cases() -> Iterator[Case]:
    """TLS, poolers, local services, and how many connections there are."""
    yield from _readable()
    yield from _encrypted()
    yield from _encrypted_everywhere()
    yield from _pooled()
    yield from _doubtful()
    yield from _elsewhere()


def _doubtful() -> Iterator[Case]:
    """Whoever reads them understands something, and perhaps not what was meant."""
    url, verified = "DATABASE_URL", "sslmode=verify-full"
    for name, text, rule in (
        ("no database", f"app:Wv7pLq2x@db.pm33.app?{verified}", "database-unnamed"),
        ("no database", f"app:Wv7pLq2x@db.pm33.app/?{verified}", "database-unnamed"),
        ("a bare @", f"app:Wv7@Lq2x@db.pm33.app/d?{verified}", "database-bare-at"),
        (
            "no TLS asked for beside TLS",
            "app:Wv7pLq2x@127.0.0.2/d?sslmode=disable",
            "database-tls-contradiction",
        ),
    ):
        local = ((url, WARNING, "local-service"),) if "127." in text else ()
        change: Change = {url: f"postgresql://{text}"}
        found = (url, WARNING, rule)
        named = f"{name} in {text}"
        yield case(named, PRODUCTION, change, *local, found)
        yield case(named, STAGING, change, found)
    for text in (
        *("a@127.0.0.2/d?host=/run/pg", f"a@db.pm33.app?dbname=d&{verified}"),
        "app:Wv7%40Lq2x@postgres.railway.internal/d?sslmode=disable",
        f"app:Wv7p==@db.pm33.app/d?application_name=a@b&{verified}",
    ):
        local = ((url, WARNING, "local-service"),) if "127." in text else ()
        yield case(
            f"said enough: {text}", PRODUCTION, {url: f"postgresql://{text}"}, *local
        )
    yield case(
        "no host", PRODUCTION, {url: "postgresql:///d"}, (url, WARNING, "local-service")
    )
    socket = "postgresql://a:Wv7@/d?host=/run/pg"
    yield case("a socket", PRODUCTION, {url: socket})


def _readable() -> Iterator[Case]:
    """Whatever leads to a database has to be a URL of one."""
    for name, variable, text in (
        ("MySQL's URL", "DATABASE_URL", "mysql://app:Wv7pLq2x@db.pm33.app/pm33"),
        ("a word as URL", "MIGRATION_DATABASE_URL", "garbage"),
        ("a broken port", "DATABASE_PUBLIC_URL", "postgresql://a:Wv7@h:Lq2x/d"),
        ("another sslmode", "DATABASE_URL", "postgresql://a@h/d?sslmode=on"),
        ("a slash in a password", "DATABASE_URL", "postgresql://a:W/v7@h:5432/d"),
        ("a hash after digits", "DATABASE_URL", "postgresql://a:12#v7@h:5432/d"),
        ("a question mark", "DATABASE_URL", "postgresql://a:1?v7@h/d?sslmode=require"),
        ("a bracket", "PM33_STATE_DATABASE_URL", "postgresql://a:W[v7@h/d"),
    ):
        yield from alike(
            name,
            {variable: text},
            variable,
            "database-url",
            production=ERROR,
            staging=ERROR,
            development=ERROR,
        )


def _encrypted_everywhere() -> Iterator[Case]:
    """The application's own URL is not the only one by which rows travel."""
    for name in (
        *("DATABASE_PUBLIC_URL", "DATABASE_UNPOOLED_URL", "MIGRATION_DATABASE_URL"),
        "PM33_STATE_DATABASE_URL",
    ):
        unverified = (name, WARNING, "database-unverified")
        plain: Change = {name: PUBLIC_DATABASE, "DB_SSL_REQUIRE": "false"}
        tls = ("DB_SSL_REQUIRE", ERROR, "database-tls")
        yield case(f"TLS off for {name}", PRODUCTION, plain, tls, unverified)
        yield case(f"{name}, public", PRODUCTION, {name: PUBLIC_DATABASE}, unverified)
        verified = f"{PUBLIC_DATABASE}?sslmode=verify-full"
        yield case(f"{name}, public, verified", PRODUCTION, {name: verified})
        here = "postgresql://app:Wv7pLq2x@127.0.0.2/pm33"
        yield case(f"{name} of this machine", PRODUCTION, plain | {name: here})


def _encrypted() -> Iterator[Case]:
    url = "DATABASE_URL"
    unverified = (url, WARNING, "database-unverified")
    verified = "sslmode=verify-full"
    yield case("a public database", PRODUCTION, {url: PUBLIC_DATABASE}, unverified)
    yield case("a public database", STAGING, {url: PUBLIC_DATABASE})
    yield case(
        "a public one, verified", PRODUCTION, {url: f"{PUBLIC_DATABASE}?{verified}"}
    )
    yield case(
        "a public one, verified by a variable",
        PRODUCTION,
        {url: PUBLIC_DATABASE, "DB_SSL_VERIFY": "full"},
    )
    plain: Change = {url: PUBLIC_DATABASE, "DB_SSL_REQUIRE": "false"}
    tls = ("DB_SSL_REQUIRE", ERROR, "database-tls")
    yield case("TLS off", PRODUCTION, plain, tls, unverified)
    yield case("TLS off", STAGING, plain, ("DB_SSL_REQUIRE", INFO, "database-tls"))
    yield case(
        "TLS off where nobody can listen", PRODUCTION, {"DB_SSL_REQUIRE": "false"}
    )
    asked = plain | {url: f"{PUBLIC_DATABASE}?sslmode=require"}
    yield case("TLS asked for by the URL", PRODUCTION, asked, unverified)


def _pooled() -> Iterator[Case]:
    url, verified = "DATABASE_URL", "sslmode=verify-full"
    pooler = "postgresql://app.ref:Wv7pLq2x@aws-0-eu.pooler.supabase.com"
    for name, text in {
        "Supabase's transaction pooler": f"{pooler}:6543/postgres?{verified}",
        "PgBouncer": f"postgresql://app:Wv7pLq2x@pg.pm33.app:6432/pm33?{verified}",
        "a pooler that says so": f"{PUBLIC_DATABASE}?pgbouncer=true&{verified}",
        "Neon's pooler": f"postgresql://a:Wv7pLq2x@ep-x-pooler.neon.tech/n?{verified}",
    }.items():
        yield from alike(
            name,
            {url: text},
            url,
            "database-pooled",
            production=WARNING,
            staging=WARNING,
            development=None,
        )
    yield case(
        "Supabase's session pooler",
        PRODUCTION,
        {url: f"{pooler}:5432/postgres?{verified}"},
    )
    both: Change = {
        url: f"{pooler}:6543/postgres?{verified}",
        "MIGRATION_DATABASE_URL": f"{PUBLIC_DATABASE}?{verified}",
    }
    yield case("a pooler, and a direct address", PRODUCTION, both)
    yield from alike(
        "migrations through a pooler",
        {"MIGRATION_DATABASE_URL": f"{pooler}:6543/postgres?{verified}"},
        "MIGRATION_DATABASE_URL",
        "migrations-pooled",
        production=WARNING,
        staging=WARNING,
    )


def _elsewhere() -> Iterator[Case]:
    url = "DATABASE_URL"
    local = "postgresql://app:Wv7pLq2x@localhost/pm33"
    yield from alike(
        "a local database",
        {url: local},
        url,
        "local-service",
        production=WARNING,
        staging=None,
        development=None,
    )
    yield from alike(
        "a large pool",
        {"DB_POOL_SIZE": "60"},
        "DB_POOL_SIZE",
        "connection-budget",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "a cache by another protocol",
        {"REDIS_URL": "https://cache.pm33.app"},
        "REDIS_URL",
        "redis-url",
        production=ERROR,
        staging=ERROR,
        development=WARNING,
    )
