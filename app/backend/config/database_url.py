"""A database URL as users write it, read without asking anybody.

Providers hand out URLs for libpq, for Prisma, for SQLAlchemy and for Django. What they
have in common is read here, for the rules and for those who connect.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from app.backend.config.settings import DatabaseSettings
from app.backend.config.urls import is_railways_own, split_url
from app.errors import ConfigError

__all__ = [
    "SSL_MODES",
    "UNUSABLE_REMEDY",
    "DatabaseUrl",
    "UnusableDatabaseUrlError",
    "read_database_url",
]

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""Those of libpq (PostgreSQL, 34.19), the laxest first."""

_ENCODED = ", ".join(f"{quote(one, safe='')} for {one}" for one in "@/?#")
UNUSABLE_REMEDY: Final = (
    "write it as postgresql://, then user:password@host:5432/database,"
    f" with special characters percent-encoded ({_ENCODED})"
)

# Before the host, whose @ is the first one then; a query may hold an @ of its own.
_CUT_SHORT: Final = re.compile(r"[a-z+0-9]+://[^/?#@:]+:[^/?#@]*[/?#][^@=]*@")
_LAST_PORT = 65_535
_TRANSACTION_PORTS = frozenset({6432, 6543})  # PgBouncer's, and Supabase's


class UnusableDatabaseUrlError(ConfigError):
    """Nobody could connect with it; the message never shows it.

    Args:
        reason: what is wrong with it, beginning with "its" or "it".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database URL cannot be used: {reason}", remedy=UNUSABLE_REMEDY
        )
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """What a URL says; its ``repr`` shows neither password nor parameters.

    Attributes:
        host: a name, an address, or the folder of a unix socket.
        password: None: it has none.
        parameters: of its query, whoever they are for.
        names_host: whether it says the host, which is this machine otherwise.
        names_database: whether it says the database.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    names_host: bool = True
    names_database: bool = True

    @property
    def goes_through_a_transaction_pooler(self) -> bool:
        """Where advisory locks and SET do not survive.

        Supabase's poolers on 5432 keep sessions.
        """
        asked_for = self.parameters.get("pgbouncer", "").lower() in {"true", "1"}
        return asked_for or self.port in _TRANSACTION_PORTS or "-pooler." in self.host

    def ssl_mode(self, settings: DatabaseSettings) -> str:
        """The strictest of what the URL and the ``DB_SSL_*`` settings ask for.

        Railway's private network is encrypted below TCP (WireGuard), and a unix socket
        never leaves the machine: neither needs TLS (contract §10).
        """
        private = is_railways_own(self.host) or self.host.startswith("/")
        wanted = [_ssl_mode(self.parameters)]
        if settings.ssl_require and not private:
            wanted.append("require")
        if settings.ssl_verify == "full":
            wanted.append("verify-full")
        elif settings.ssl_verify == "ca" or (settings.ssl_ca and not private):
            wanted.append("verify-ca")
        return max(wanted, key=SSL_MODES.index)

    def ssl_ca(self, settings: DatabaseSettings) -> str | None:
        """The file of the certificate authority; None: the system's are asked."""
        path = str(settings.ssl_ca) if settings.ssl_ca else self.root_certificate
        return None if path == "system" else path  # libpq's word for it

    @property
    def asks_for_no_tls(self) -> bool:
        """Whether the URL itself says that there is to be none."""
        return _ssl_mode(self.parameters) == "disable"

    @property
    def root_certificate(self) -> str | None:
        """What the URL itself says of it."""
        return self.parameters.get("sslrootcert")


def read_database_url(text: str) -> DatabaseUrl:
    """Reads a URL of PostgreSQL.

    Raises:
        UnusableDatabaseUrlError: nobody could connect with it.
    """
    if _CUT_SHORT.match(text.strip()):
        raise UnusableDatabaseUrlError(
            "its password holds a /, ? or # that is not percent-encoded"
        )
    parts = split_url(text)
    if parts is None:
        raise UnusableDatabaseUrlError("its host or port cannot be read")
    if parts.scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise UnusableDatabaseUrlError("it does not begin with postgresql://")
    query = dict(parse_qsl(parts.query))
    if _ssl_mode(query) not in SSL_MODES:
        raise UnusableDatabaseUrlError(f"its sslmode is none of {', '.join(SSL_MODES)}")
    user = unquote(parts.username or "") or query.get("user", "postgres")
    return DatabaseUrl(
        host=unquote(parts.hostname or "") or query.get("host", "localhost"),
        port=parts.port or _port(query.get("port", "5432")),
        user=user,
        database=unquote(parts.path.lstrip("/")) or query.get("dbname", user),
        password=unquote(parts.password or "") or query.get("password"),
        parameters=query,
        names_host=bool(parts.hostname or query.get("host")),
        names_database=bool(parts.path.strip("/") or query.get("dbname")),
    )


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port <= _LAST_PORT:
        raise UnusableDatabaseUrlError("its port is none")
    return port


def _ssl_mode(parameters: Mapping[str, str]) -> str:
    """The word of libpq; SQLAlchemy's and others' ``ssl`` stands for it."""
    mode = parameters.get("sslmode") or parameters.get("ssl") or "prefer"
    return {"true": "require", "false": "disable"}.get(mode, mode)
