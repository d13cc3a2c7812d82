"""Whose fault it is: what a check found, joined to what the vendor says. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from app.backend.health.incidents.page import Incident
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["Blame", "blame_of", "blamed"]


class Blame(StrEnum):
    """Who has to act."""

    THEM = "them"
    US = "us"
    NETWORK = "network"


# A class has one of these; of the others the answer, or the page, decides.
_ALWAYS: Final[Mapping[Failure, Blame]] = {
    Failure.AUTH: Blame.US,
    Failure.PERMISSION: Blame.US,
    Failure.QUOTA: Blame.US,
    Failure.RATE_LIMIT: Blame.US,
    Failure.CONFIG: Blame.US,
    Failure.WRONG_MODE: Blame.US,
    Failure.OVERLOADED: Blame.THEM,
    Failure.VENDOR_INCIDENT: Blame.THEM,
}
_LATER: Final = "Nothing to do but wait; the vendor's status page tells of the end."


def blame_of(failure: Failure, *, http_status: int, confirmed: bool) -> Blame:
    """Who has to act.

    Without an answer nobody can tell the vendor from the way to it, unless the page
    says it. An answer of 500 and above is the server's own word for its own fault
    (RFC 9110 §15.6); any other that cannot be read is somebody's in between. The check
    itself has failed where nothing was answered, and the network did not fail either.

    Args:
        failure: what was found.
        http_status: of the answer; 0 without one.
        confirmed: the page tells of an incident that touches what was asked.
    """
    known = _ALWAYS.get(failure)
    if known is not None:
        return known
    if failure is Failure.INTERNAL and not http_status:
        return Blame.US
    theirs = http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Blame.THEM if confirmed or theirs else Blame.NETWORK


def blamed(result: CheckResult, incident: Incident | None) -> CheckResult:
    """The same result, with whose fault it is, and with the incident if there is one.

    ``internal`` becomes ``vendor_incident`` where the page confirms one, and stays
    ``degraded``; nothing gets better or worse. What is well stays well.
    """
    if result.status in {Status.SKIPPED, Status.UNKNOWN}:
        return result
    data = dict(result.data)
    if incident is not None:
        data["incident"] = incident.facts()
    if result.failure is None:
        return replace(result, data=data)
    status = data.get("http_status")
    blame = blame_of(
        result.failure,
        http_status=status if isinstance(status, int) else 0,
        confirmed=incident is not None,
    )
    data["blame"] = blame.value
    result = replace(result, data=data)
    # What a class says by itself is not the incident's.
    if incident is None or blame is not Blame.THEM or result.failure in _ALWAYS:
        return result
    result = replace(result, remedy=_LATER)
    if result.failure is not Failure.INTERNAL or result.status is not Status.DEGRADED:
        return result
    return replace(
        result,
        failure=Failure.VENDOR_INCIDENT,
        message=f"{result.message}; its status page confirms an incident",
    )
