"""``type = "dns"``: does a name resolve, and to what it should?"""

import socket
from collections.abc import Collection
from typing import Any

from app.backend.health.checks.declared.models import DnsTable
from app.backend.health.checks.network_failures import no_connection
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["DnsCheck", "judge_addresses"]


class DnsCheck:
    """Asks the resolver of this machine, as everything else on it does.

    Args:
        name: of the check.
        table: the name to resolve.
    """

    def __init__(self, name: str, table: DnsTable) -> None:
        self.name = name
        self._table = table

    def probe(self) -> CheckResult:
        """One look-up, in a thread of its own: a resolver cannot be interrupted."""
        host = self._table.host
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            fault = no_connection(error, host)
            return CheckResult(
                status=Status.UNHEALTHY,
                failure=fault.failure,
                message=fault.message,
                remedy="see the zone of the name, and the resolver of this machine",
                transient=fault.transient,
            )
        addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
        return judge_addresses(addresses, self._table)


def judge_addresses(found: Collection[str], table: DnsTable) -> CheckResult:
    """Healthy if nothing but the expected addresses was found, or none is expected."""
    data: dict[str, Any] = {"addresses": sorted(found)}
    strange = set(found) - set(table.addresses)
    if not table.addresses or not strange:
        return CheckResult.healthy(**data)
    return CheckResult(
        status=Status(table.mismatch),
        failure=Failure.CONFIG,
        message=f"{table.host} leads to {', '.join(sorted(strange))}",
        remedy="correct the zone of the name, or what `addresses` expects",
        data=data,
    )
