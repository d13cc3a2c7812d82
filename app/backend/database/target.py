"""A database URL as users write it, turned into what asyncpg takes.

Providers hand out URLs for libpq, for Prisma, for SQLAlchemy and for Django; asyncpg
raises TypeError or asks the server for settings that do not exist when it meets their
parameters. They are translated here, once, for every connection that the service makes.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from app.backend.config.database_url import DatabaseUrl, read_database_url
from app.backend.config.settings import DatabaseSettings
from app.errors import ConfigError

__all__ = ["DatabaseTarget", "parse_target"]

_DROPPED: Final = frozenset(
    {
        # libpq's; SCRAM without channel binding works everywhere
        *("channel_binding", "fallback_application_name", "gssdelegation", "gsslib"),
        *("hostaddr", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "krbsrvname", "load_balance_hosts", "passfile"),
        *("require_auth", "requirepeer", "service", "ssl_max_protocol_version"),
        *("ssl_min_protocol_version", "sslcertmode", "sslcompression", "sslcrl"),
        *("sslcrldir", "sslnegotiation", "sslpassword", "sslsni", "tcp_user_timeout"),
        "connection_limit",  # Prisma's
        "pool_timeout",  # Prisma's
        "schema",  # Prisma's
        "socket_timeout",  # Prisma's
        "sslaccept",  # Prisma's
        "sslidentity",  # Prisma's
        "sslcert",
        "sslkey",
        "gssencmode",  # libpq's
        "prepared_statement_cache_size",  # SQLAlchemy's
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTarget:
    """Where to connect, and how.

    Attributes:
        host: a name, an address, or the folder of a unix socket.
        ssl_mode: one of libpq's modes.
        pooled: a transaction pooler seems to sit in between, so nothing may be
            prepared on a connection.
    """

    host: str
    port: int
    user: str
    database: str
    password: SecretStr | None = None
    ssl_mode: str = "prefer"
    ssl_ca: str | None = None
    pooled: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    def connect_arguments(self, application_name: str) -> dict[str, Any]:
        """Keyword arguments of ``asyncpg.connect``."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password.get_secret_value() if self.password else None,
            "database": self.database,
            "ssl": self._ssl(),
            "statement_cache_size": 0 if self.pooled else 100,
            "server_settings": {"application_name": application_name} | self.settings,
        }

    def _ssl(self) -> ssl.SSLContext | str:
        if not self.ssl_mode.startswith("verify"):
            return self.ssl_mode
        context = ssl.create_default_context(cafile=self.ssl_ca)
        context.check_hostname = self.ssl_mode == "verify-full"
        return context


def parse_target(url: SecretStr, settings: DatabaseSettings) -> DatabaseTarget:
    """Reads a database URL under the ``DB_SSL_*`` settings.

    Raises:
        ConfigError: the URL cannot be used; the message never shows it.
    """
    read = read_database_url(url.get_secret_value())
    ssl_mode = read.ssl_mode(settings)
    return DatabaseTarget(
        host=read.host,
        port=read.port,
        user=read.user,
        database=read.database,
        password=SecretStr(read.password) if read.password else None,
        ssl_mode=ssl_mode,
        ssl_ca=_ssl_ca(read, settings) if ssl_mode.startswith("verify") else None,
        # Supabase's session poolers are among them; preparing nothing costs little.
        pooled=read.goes_through_a_transaction_pooler or ".pooler." in read.host,
        settings=_server_settings(read.parameters),
    )


def _ssl_ca(read: DatabaseUrl, settings: DatabaseSettings) -> str | None:
    path = read.ssl_ca(settings)
    if path is not None and not Path(path).is_file():
        raise ConfigError(
            "the file of the database's certificate authority cannot be read",
            remedy="point DB_SSL_CA, or sslrootcert in the URL, to a PEM file",
        )
    return path


def _server_settings(query: Mapping[str, str]) -> dict[str, str]:
    known = {
        *("host", "port", "user", "dbname", "password", "ssl", "sslmode"),
        *("sslrootcert", "pgbouncer", "connect_timeout", "application_name"),
        *("statement_cache_size", "target_session_attrs"),
    }
    return {k: v for k, v in query.items() if k not in known | _DROPPED}
