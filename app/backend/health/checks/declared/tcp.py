"""``type = "tcp"``: does somebody accept connections there?"""

import asyncio
from typing import Final

from app.backend.health.checks.declared.models import TcpTable
from app.backend.health.checks.network_failures import REACH, no_connection
from app.backend.health.checks.vendor import Fault
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["OWN_SHARE", "TcpCheck", "unanswered"]

OWN_SHARE: Final = 0.9
"""Of the timeout: the attempt ends before it, so that its own words are reported."""


class TcpCheck:
    """Connects, and says nothing.

    Args:
        name: of the check.
        table: where to.
        timeout: seconds for an attempt.
    """

    def __init__(self, name: str, table: TcpTable, *, timeout: float) -> None:
        self.name = name
        self._host = table.host
        self._port = table.port
        self._deadline = timeout * OWN_SHARE

    async def probe(self) -> CheckResult:
        """One connection, closed at once."""
        try:
            async with asyncio.timeout(self._deadline):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, UnicodeError) as error:
            return unanswered(error, self._host, self._deadline)
        # Nothing was sent, so nothing can be lost by not saying goodbye.
        writer.transport.abort()
        return CheckResult.healthy()


def unanswered(error: BaseException, host: str, deadline: float) -> CheckResult:
    """Why there is no connection; an error of ``asyncio.timeout`` is the deadline."""
    fault = no_connection(error, host)
    if type(error) is TimeoutError and error.errno is None:
        message = f"no connection to {host} within {deadline:g} s"
        fault = Fault(failure=Failure.TIMEOUT, message=message, remedy=REACH)
    return CheckResult(
        status=Status.UNHEALTHY,
        failure=fault.failure,
        message=fault.message,
        remedy=fault.remedy,
        transient=fault.transient,
    )
