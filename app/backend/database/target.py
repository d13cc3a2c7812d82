"""A database URL as users write it, turned into what asyncpg takes.

Providers hand out URLs for libpq, for Prisma, for SQLAlchemy and for Django; asyncpg
raises TypeError or asks the server for settings that do not exist when it meets their
parameters. They are translated here, once, for every connection that the service makes.
"""

import ssl
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.errors import ConfigError

__all__ = ["DatabaseTarget", "parse_target"]

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_LAST_PORT = 65_535
_POOLER_PORTS = frozenset({6432, 6543})
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
    try:
        parts = urlsplit(url.get_secret_value().strip())
        port = parts.port
    except ValueError:
        # From None: the cause quotes what may be a piece of the password.
        raise _bad("its host or port cannot be read") from None
    if parts.scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise _bad("it does not begin with postgresql://")
    query = dict(parse_qsl(parts.query))
    host = unquote(parts.hostname or "") or query.get("host", "localhost")
    port = port or _port(query.get("port", "5432"))
    user = unquote(parts.username or "") or query.get("user", "postgres")
    database = unquote(parts.path.lstrip("/")) or query.get("dbname", user)
    password = unquote(parts.password or "") or query.get("password")
    ssl_mode = _ssl_mode(query, host, settings)
    target = partial(DatabaseTarget, host=host, port=port, user=user, database=database)
    return target(
        password=SecretStr(password) if password else None,
        ssl_mode=ssl_mode,
        ssl_ca=_ssl_ca(query, settings) if ssl_mode.startswith("verify") else None,
        pooled=_is_pooled(query, host, port),
        settings=_server_settings(query),
    )


def _bad(reason: str) -> ConfigError:
    return ConfigError(
        f"the database URL cannot be used: {reason}",
        remedy="write it as postgresql://, then user:password@host:5432/database,"
        f" with special characters percent-encoded ({quote('@')} for @)",
    )


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port <= _LAST_PORT:
        raise _bad("its port is none")
    return port


def _ssl_mode(query: dict[str, str], host: str, settings: DatabaseSettings) -> str:
    """The strictest of what the URL and the settings ask for.

    Railway's private network is encrypted below TCP (WireGuard), and a unix socket
    never leaves the machine: neither needs TLS (contract §10).
    """
    mode = query.get("sslmode") or query.get("ssl") or "prefer"
    mode = {"true": "require", "false": "disable"}.get(mode, mode)
    if mode not in _SSL_MODES:
        raise _bad("its sslmode is none of libpq's")
    private = host.endswith(".railway.internal") or host.startswith("/")
    wanted = [mode]
    if settings.ssl_require and not private:
        wanted.append("require")
    if settings.ssl_verify == "full":
        wanted.append("verify-full")
    elif settings.ssl_verify == "ca" or (settings.ssl_ca and not private):
        wanted.append("verify-ca")
    return max(wanted, key=_SSL_MODES.index)


def _ssl_ca(query: dict[str, str], settings: DatabaseSettings) -> str | None:
    path = str(settings.ssl_ca) if settings.ssl_ca else query.get("sslrootcert")
    if path in {None, "system"}:  # libpq's word for what is the default here
        return None
    if not Path(str(path)).is_file():
        raise ConfigError(
            "the file of the database's certificate authority cannot be read",
            remedy="point DB_SSL_CA, or sslrootcert in the URL, to a PEM file",
        )
    return path


def _is_pooled(query: dict[str, str], host: str, port: int) -> bool:
    return (
        query.get("pgbouncer", "").lower() in {"true", "1"}
        or port in _POOLER_PORTS
        or "-pooler." in host
        or ".pooler." in host
    )


def _server_settings(query: dict[str, str]) -> dict[str, str]:
    known = {
        *("host", "port", "user", "dbname", "password", "ssl", "sslmode"),
        *("sslrootcert", "pgbouncer", "connect_timeout", "application_name"),
        *("statement_cache_size", "target_session_attrs"),
    }
    return {k: v for k, v in query.items() if k not in known | _DROPPED}
