"""What went wrong on the way to PostgreSQL, or what PostgreSQL said: one table."""

import errno
import socket
import ssl
from dataclasses import replace

import asyncpg

from app.backend.health.models import CheckResult, Failure

__all__ = ["classify"]

_ROOM = "lower DB_POOL_SIZE or the number of replicas, or raise max_connections"
_START = "see whether the server runs and listens where DATABASE_URL says"

_ANSWERS: tuple[tuple[type[Exception], Failure, str, str], ...] = (
    (
        asyncpg.TooManyConnectionsError,
        Failure.OVERLOADED,
        "too many connections",
        _ROOM,
    ),
    (
        asyncpg.InsufficientResourcesError,
        Failure.OVERLOADED,
        "the server is out of resources",
        "see the server's log, its memory and its disk",
    ),
    (
        asyncpg.InvalidCatalogNameError,
        Failure.CONFIG,
        "the database does not exist",
        "create the database, or correct the name in DATABASE_URL",
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        Failure.AUTH,
        "the login was refused",
        "correct user and password in DATABASE_URL",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        Failure.PERMISSION,
        "the role may not do that",
        "grant the role CONNECT, and USAGE and SELECT in schema ops",
    ),
    (
        asyncpg.QueryCanceledError,
        Failure.TIMEOUT,
        "the server cancelled the query",
        "see statement_timeout of the role and of the database",
    ),
    (
        asyncpg.OperatorInterventionError,
        Failure.REFUSED,
        "the server is starting, stopping, or ended the session",
        "see the server's log",
    ),
    (
        asyncpg.PostgresConnectionError,
        Failure.REFUSED,
        "the connection was lost",
        _START,
    ),
    (asyncpg.InterfaceError, Failure.REFUSED, "the connection was lost", _START),
    (
        asyncpg.PostgresError,
        Failure.INTERNAL,
        "the server reported an error",
        "see the server's log",
    ),
    (
        TimeoutError,
        Failure.TIMEOUT,
        "no answer while connecting",
        "see whether a firewall drops packets, or the server hangs",
    ),
    (
        socket.gaierror,
        Failure.DNS,
        "the host name does not exist",
        "correct the host in DATABASE_URL",
    ),
    (
        UnicodeError,
        Failure.DNS,
        "the host is no possible name",  # a label longer than 63, by RFC 1035 §2.3.4
        "correct the host in DATABASE_URL",
    ),
    (
        ssl.SSLError,
        Failure.TLS,
        "TLS failed",
        "see DB_SSL_CA and DB_SSL_VERIFY",
    ),
    (OSError, Failure.REFUSED, "the connection was refused", _START),
)


def classify(error: Exception) -> CheckResult:
    """Turns an error of asyncpg or of the network into a result.

    A refused session is ``unhealthy`` here although something answered: whatever the
    service wants from a database needs a session. Only ``overloaded`` is not, since
    the sessions that are open go on working.
    """
    failure, message, remedy = next(
        (failure, message, remedy)
        for kind, failure, message, remedy in (*_special(error), *_ANSWERS)
        if isinstance(error, kind)
    )
    text = f"{message} ({type(error).__name__}: {error})"
    if failure is Failure.OVERLOADED:
        return CheckResult.degraded(failure, text, remedy=remedy)
    result = CheckResult.unhealthy(failure, text, remedy=remedy)
    temporary = getattr(error, "errno", None) == socket.EAI_AGAIN
    return replace(result, transient=failure is Failure.DNS and temporary)


def _special(
    error: Exception,
) -> tuple[tuple[type[Exception], Failure, str, str], ...]:
    """What only the text or the number tells."""
    text = str(error)
    refused_for_tls = "no encryption" in text or "SSL off" in text
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        if refused_for_tls:
            remedy = "set DB_SSL_REQUIRE=true, or sslmode=require in the URL"
            return ((Exception, Failure.TLS, "the server insists on TLS", remedy),)
    elif isinstance(error, ConnectionError) and "SSL" in text:
        remedy = "switch TLS on at the server, or do not require it"
        return ((Exception, Failure.TLS, "the server does not speak TLS", remedy),)
    elif isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return ((Exception, Failure.TIMEOUT, "no route to the host", _START),)
    return ()


_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT})
