"""The database's URLs: readable, encrypted, verified, and unpooled where it matters."""

from typing import Final

from app.backend.config.database_url import UNUSABLE_REMEDY, DatabaseUrl
from app.backend.config.findings import Severity
from app.backend.config.rules.databases import URLS, databases, unusable_databases
from app.backend.config.rules.model import EVERYWHERE, Broken, Facts, Rule, severities
from app.backend.config.urls import (
    host_of,
    is_railways_own,
    is_this_machine,
    split_url,
)

__all__ = ["RULES"]

_URL = "DATABASE_URL"
_UNPOOLED = ("MIGRATION_DATABASE_URL", "DATABASE_UNPOOLED_URL")
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
_VERIFIED = frozenset({"verify-ca", "verify-full"})
_DEFAULT_ROOM = 97
"""PostgreSQL's max_connections, 100, without superuser_reserved_connections, 3."""


def _unusable(facts: Facts) -> Broken:
    for name, reason in unusable_databases(facts):
        yield name, f"cannot be used: {reason}"


def _is_private(url: DatabaseUrl) -> bool:
    """Nobody can listen: Railway's network is encrypted below TCP, others stay local.

    A URL without a host means this machine, as in libpq.
    """
    local = url.host.startswith("/") or is_this_machine(url.host)
    return local or is_railways_own(url.host)


def _is_seen_to(facts: Facts) -> bool:
    """By a sealed variable, which is taken for what it should be."""
    return bool(facts.variables.sealed & {"DB_SSL_CA", "DB_SSL_VERIFY"})


def _plain(facts: Facts) -> Broken:
    settings = facts.config.database
    if "DB_SSL_REQUIRE" not in facts.texts or settings.ssl_require:
        return  # what is missing is told as missing
    open_ones = [
        name
        for name, url in databases(facts)
        if not _is_private(url) and url.ssl_mode(settings) not in _ENCRYPTED
    ]
    if open_ones and not _is_seen_to(facts):
        told = f"is off, so passwords and rows of {' and '.join(open_ones)} may travel"
        yield "DB_SSL_REQUIRE", f"{told} in the clear"


def _unverified(facts: Facts) -> Broken:
    if _is_seen_to(facts):
        return
    for name, url in databases(facts):
        mode = url.ssl_mode(facts.config.database)
        if not _is_private(url) and mode not in _VERIFIED:
            yield name, "is encrypted at best: nobody checks whose certificate it is"


def _pooled(facts: Facts) -> Broken:
    url = dict(databases(facts)).get(_URL)
    direct = any(facts.is_there(name) for name in _UNPOOLED)
    if url and not direct and url.goes_through_a_transaction_pooler:
        yield _URL, "goes through a transaction pooler, and migrations would, too"


def _pooled_migrations(facts: Facts) -> Broken:
    name = next((one for one in _UNPOOLED if facts.is_there(one)), "")
    url = dict(databases(facts)).get(name)
    if url and url.goes_through_a_transaction_pooler:
        yield name, "goes through a transaction pooler, and migrations with it"


def _local(facts: Facts) -> Broken:
    for name in (_URL, "REDIS_URL", "SUPABASE_URL"):
        host = host_of(facts.text(name))
        if host and is_this_machine(host):
            yield name, "points to this machine"

    if any(name == _URL and not url.names_host for name, url in databases(facts)):
        yield _URL, "names no host, so that this machine is meant"


def _unnamed(facts: Facts) -> Broken:
    for name, url in databases(facts):
        if not url.names_database:
            yield name, "names no database, so that one named like the user is meant"


def _bare_at(facts: Facts) -> Broken:
    for name, _ in databases(facts):
        parts = split_url(facts.text(name))
        if parts is not None and parts.netloc.count("@") > 1:
            yield name, "has an @ before that of the host, not percent-encoded"


def _contradicted(facts: Facts) -> Broken:
    settings = facts.config.database
    for name, url in databases(facts):
        if url.asks_for_no_tls and url.ssl_mode(settings) != "disable":
            yield name, "asks for no TLS, and the DB_SSL_ settings ask for it"


def _budget(facts: Facts) -> Broken:
    """Each replica's connections, twice while the old and the new ones overlap."""
    # RESERVED_CONNECTIONS of app.backend.database, which is above this package.
    needed = (facts.config.database.pool_size + 2) * 2 * facts.replicas
    if needed > _DEFAULT_ROOM:
        who = "one replica" if facts.replicas == 1 else f"{facts.replicas} replicas"
        message = (
            f"lets {who} open {needed} connections during a switch, more than"
            f" the {_DEFAULT_ROOM} that a server has by default"
        )
        yield "DB_POOL_SIZE", message


def _not_redis(facts: Facts) -> Broken:
    text = facts.text("REDIS_URL")
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        yield "REDIS_URL", "is no redis://, rediss:// or unix:// URL"


RULES: Final = (
    Rule(
        name="database-url",
        variables=URLS,
        severity=EVERYWHERE,
        reason="who connects cannot read it either (libpq, 34.1.1.2; asyncpg)",
        remedy=UNUSABLE_REMEDY,
        broken=_unusable,
    ),
    Rule(
        name="database-tls",
        variables=("DB_SSL_REQUIRE",),
        severity=severities(Severity.ERROR, Severity.INFO),
        reason="the specification enforces TLS to the database in production; Railway's"
        " private network and a local server need none",
        remedy="set DB_SSL_REQUIRE=true",
        broken=_plain,
    ),
    Rule(
        name="database-unverified",
        variables=URLS,
        severity=severities(production=Severity.WARNING),
        reason="encryption alone does not keep somebody in between out; Railway's own"
        " PostgreSQL has a self-signed certificate, so it is no error",
        remedy="append ?sslmode=verify-full to the URL, or set DB_SSL_VERIFY=full;"
        " where the server has an authority of its own, as Supabase's, point DB_SSL_CA"
        " to its certificate, too; or use the address in Railway's private network",
        broken=_unverified,
    ),
    Rule(
        name="database-pooled",
        variables=(_URL,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="advisory locks and SET do not survive a transaction pooler (ports 6543"
        " of Supabase, 6432 of PgBouncer, -pooler hosts of Neon)",
        remedy="set MIGRATION_DATABASE_URL to the direct address",
        broken=_pooled,
    ),
    Rule(
        name="migrations-pooled",
        variables=_UNPOOLED,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="advisory locks and SET do not survive a transaction pooler",
        remedy="use the server's direct address there",
        broken=_pooled_migrations,
    ),
    Rule(
        name="local-service",
        variables=(_URL, "REDIS_URL", "SUPABASE_URL"),
        severity=severities(production=Severity.WARNING),
        reason="local services are for development (specification); in a container"
        " nothing else listens there",
        remedy="use the address of the production service",
        broken=_local,
    ),
    Rule(
        name="database-unnamed",
        variables=URLS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="libpq takes the user's name then (PostgreSQL, 34.1.2); as a rule, the"
        " end was cut off",
        remedy="write the database's name after the host: /database",
        broken=_unnamed,
    ),
    Rule(
        name="database-bare-at",
        variables=URLS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="libpq, and with it psql and pg_dump, take the first @ for the end of"
        " the password, and the rest for another host",
        remedy="percent-encode it (%40 for @)",
        broken=_bare_at,
    ),
    Rule(
        name="database-tls-contradiction",
        variables=URLS,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="the stricter one counts, which a server without TLS refuses",
        remedy="take sslmode off the URL, or DB_SSL_REQUIRE and DB_SSL_VERIFY away",
        broken=_contradicted,
    ),
    Rule(
        name="connection-budget",
        variables=("DB_POOL_SIZE",),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="old and new replicas hold their connections at the same time: (pool +"
        " 2) x replicas x 2 must not exceed max_connections",
        remedy="lower it, or see that the server's max_connections has room; the"
        " database check compares both",
        broken=_budget,
    ),
    Rule(
        name="redis-url",
        variables=("REDIS_URL",),
        severity=severities(Severity.ERROR, Severity.ERROR, Severity.WARNING),
        reason="the client reads no other schemes",
        remedy="write it as redis://, then user:password@host:6379/0",
        broken=_not_redis,
    ),
)
