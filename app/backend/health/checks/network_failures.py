"""What kept a connection from coming: one table for whoever opens one."""

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace

from app.backend.health.checks.vendor import Fault
from app.backend.health.models import Failure

__all__ = ["REACH", "causes", "network_fault", "no_connection"]

REACH = "See whether this machine may reach it, and whether the address is right."
"""What to do where nothing better is known."""

_STRANGER = (
    "See whether a proxy or firewall answers in its place, and whether the address is"
    " right; then this machine's clock, and SSL_CERT_FILE."
)
_NO_TLS = "See whether that port speaks TLS, and whether both know a common version."
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT})
_CAUSES: tuple[tuple[type[BaseException], Failure, str, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        Failure.TLS,
        "the certificate of {host} cannot be trusted",
        _STRANGER,
    ),
    (ssl.SSLError, Failure.TLS, "TLS with {host} failed", _NO_TLS),
    (socket.gaierror, Failure.DNS, "the name {host} cannot be resolved", REACH),
    (UnicodeError, Failure.DNS, "{host} is no possible name", REACH),  # RFC 1035 §2.3.4
    (TimeoutError, Failure.TIMEOUT, "no answer from {host} in time", REACH),
    (ConnectionRefusedError, Failure.REFUSED, "{host} refused the connection", REACH),
)


def network_fault(error: BaseException, host: str) -> Fault | None:
    """By the first cause that tells; None: none does."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
            return _fault(Failure.TIMEOUT, f"there is no route to {host}")
        for kind, failure, message, remedy in _CAUSES:
            if isinstance(cause, kind):
                temporary = getattr(cause, "errno", None) == socket.EAI_AGAIN
                fault = _fault(failure, message.format(host=host), remedy)
                return replace(fault, transient=failure is Failure.DNS and temporary)
    return None


def no_connection(error: BaseException, host: str) -> Fault:
    """The same where there surely is none; what tells nothing is ``refused``."""
    told = network_fault(error, host)
    return told or _fault(Failure.REFUSED, f"no connection to {host}")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and what it groups."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _fault(failure: Failure, message: str, remedy: str = REACH) -> Fault:
    return Fault(failure=failure, message=message, remedy=remedy)
