"""``type = "tls"``: is the certificate trusted, and for how long will it be?"""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.health.checks.declared.models import TlsTable
from app.backend.health.checks.declared.tcp import OWN_SHARE, unanswered
from app.backend.health.models import CheckResult, Failure

__all__ = ["TlsCheck", "judge_certificate"]

_DAY: Final = 86_400.0
_RENEW: Final = "renew the certificate, and have the server load it"
# X509_V_ERR_* of OpenSSL (x509_vfy.h).
_REASONS: Final = {
    9: ("is not valid yet", "see the clocks of this machine and of the server"),
    10: ("has expired", _RENEW),
    62: ("is for another name", "correct host or server_name, or the certificate"),
    64: ("is for another address", "correct host or server_name, or the certificate"),
}
_UNTRUSTED: Final = (
    "cannot be trusted",
    "have the server send the whole chain; for an authority of one's own, set ca_file",
)


class TlsCheck:
    """Shakes hands as a client would, and looks at the certificate.

    Args:
        name: of the check.
        table: whose certificate, and when to warn.
        timeout: seconds for an attempt.
        now: the time, in seconds since the epoch.
    """

    def __init__(
        self,
        name: str,
        table: TlsTable,
        *,
        timeout: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._table = table
        self._deadline = timeout * OWN_SHARE
        self._now = now

    async def probe(self) -> CheckResult:
        """One handshake; the connection is closed at once."""
        host = self._table.host
        try:
            async with asyncio.timeout(self._deadline):
                return await self._examined()
        except ssl.SSLCertVerificationError as error:
            return _untrusted(error, host)
        except (OSError, UnicodeError) as error:
            return unanswered(error, host, self._deadline)

    async def _examined(self) -> CheckResult:
        try:
            # Reading certificates would hold the event loop. Each time anew, so that
            # a file that was replaced counts.
            context = await asyncio.to_thread(
                ssl.create_default_context, cafile=self._table.ca_file
            )
        except OSError as error:
            return CheckResult.unhealthy(
                Failure.CONFIG,
                f"the certificates to trust cannot be read ({type(error).__name__})",
                remedy="point ca_file to a PEM file; see SSL_CERT_FILE, too",
            )
        certificate = await self._certificate(context)
        ends = ssl.cert_time_to_seconds(certificate["notAfter"])
        return judge_certificate(ends, self._now(), self._table)

    async def _certificate(self, context: ssl.SSLContext) -> dict[str, Any]:
        _, writer = await asyncio.open_connection(
            self._table.host,
            self._table.port,
            ssl=context,
            server_hostname=self._table.server_name or self._table.host,
        )
        try:
            certificate: dict[str, Any] = writer.get_extra_info("peercert")
            return certificate
        finally:
            # Saying goodbye in TLS may take as long as the other side likes.
            writer.transport.abort()


def judge_certificate(ends: float, now: float, table: TlsTable) -> CheckResult:
    """How much is left of a certificate that is trusted.

    Args:
        ends: when it is valid no more, in seconds since the epoch.
        now: the same for this moment.
        table: with the days at which to warn.
    """
    days = (ends - now) / _DAY
    data: dict[str, Any] = {
        "expires": datetime.fromtimestamp(ends, UTC).isoformat(),
        "days_left": round(days, 1),
    }
    if days > table.warn_days:
        return CheckResult.healthy(**data)
    grade = (
        CheckResult.unhealthy if days <= table.critical_days else CheckResult.degraded
    )
    message = f"the certificate of {table.host} expires in {days:.1f} days"
    return grade(Failure.TLS, message, remedy=_RENEW, **data)


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> CheckResult:
    what, remedy = _REASONS.get(error.verify_code, _UNTRUSTED)
    reason = f" ({error.verify_message})" if error.verify_message else ""
    message = f"the certificate of {host} {what}{reason}"
    return CheckResult.unhealthy(Failure.TLS, message, remedy=remedy)
