"""What an answer, or none, of a service says of the variable that led there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING

from app.backend.config.findings import Finding, Severity
from app.backend.config.urls import is_this_machine
from app.backend.config.variables import Variables
from app.backend.health.models import CheckResult, Failure, Status

if TYPE_CHECKING:
    from app.cli.env.questions import Question

__all__ = ["Asked", "finding_of", "findings_of"]

# It answered, and not as it should: that is the same from everywhere.
_REFUSED = frozenset(
    {Failure.AUTH, Failure.PERMISSION, Failure.CONFIG, Failure.WRONG_MODE}
)
# It answered, and may answer better tomorrow.
_TROUBLED = frozenset(
    {
        Failure.QUOTA,
        Failure.RATE_LIMIT,
        Failure.OVERLOADED,
        Failure.VENDOR_INCIDENT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of a question.

    Attributes:
        result: None where nobody was asked: it is on a network that ends elsewhere.
        seconds: it took.
    """

    question: "Question"
    result: CheckResult | None
    seconds: float = 0.0

    @property
    def variable(self) -> str:
        """The one to blame: the answer names it, or it is the question's first."""
        told = self.result.data.get("variable") if self.result else None
        known = self.question.variables
        return told if isinstance(told, str) and told in known else known[0]

    @property
    def is_proven(self) -> bool:
        """Whether the service has taken the credential, and not merely answered."""
        good = self.result is not None and self.result.status is Status.HEALTHY
        return good and self.question.proves

    @property
    def is_reached(self) -> bool:
        """Whether the service has answered as it should."""
        return self.result is not None and self.result.status is Status.HEALTHY


def findings_of(
    asked: Sequence[Asked], variables: Variables, *, insist: bool
) -> Iterator[Finding]:
    """The findings of all; not redacted yet.

    Where no name at all can be resolved it is this machine that has no network: all
    then have the same words, and none the place of its variable.

    Args:
        asked: what became of all questions.
        variables: which they came from.
        insist: as in :func:`finding_of`.
    """
    unresolved = _without_network(asked)
    for one in asked:
        found = finding_of(one, variables, insist=insist)
        if found is not None and one in unresolved:
            found = replace(
                found,
                message="no name can be resolved here, so nobody was reached",
                remedy="see whether this machine has a network and a name server",
                source=variables.source,
            )
        if found is not None:
            yield found


def finding_of(asked: Asked, variables: Variables, *, insist: bool) -> Finding | None:
    """The finding, if there is something to mend; not redacted yet.

    Args:
        asked: what became of a question.
        variables: which it came from.
        insist: whether it is an error that a service cannot be reached from here.
    """
    name = asked.variable
    given = name if name in variables.values else f"{name}_FILE"
    found = partial(Finding, variable=name, source=variables.place(given))
    if asked.result is None:
        return found(
            severity=Severity.ERROR if insist else Severity.INFO,
            rule="private-network",
            message="leads into Railway's private network, which ends before here",
            remedy="only on Railway can it be proven: by this command in `railway ssh`,"
            " or by /api/health/detailed once the service runs",
        )
    failure, message = asked.result.failure, asked.result.message
    if failure is None:
        return None
    words = partial(found, remedy=asked.result.remedy)
    if failure in _REFUSED or (failure is Failure.TLS and _direct(asked.question)):
        severity, rule = Severity.ERROR, "service-refused"
    elif failure in _TROUBLED or _failed_itself(asked.result):
        severity, rule = Severity.WARNING, "service-troubled"
    else:
        severity, rule = Severity.WARNING, "service-unreachable"
        severity = Severity.ERROR if insist else severity
        message = f"not reachable from here: {message}"
    return words(severity=severity, rule=rule, message=message)


def _direct(question: "Question") -> bool:
    """Whether nothing stands between, so that no proxy can be what spoils TLS.

    The startup gate holds on the database's, too.
    """
    return question.service in {"database", "cache"}


def _failed_itself(result: CheckResult) -> bool:
    """Whether it answered that it has failed (RFC 9110 §15.6).

    Other strange answers may be a proxy's, and then the service was not reached.
    """
    status = result.data.get("http_status")
    least = HTTPStatus.INTERNAL_SERVER_ERROR
    return (
        result.failure is Failure.INTERNAL
        and isinstance(status, int)
        and (status >= least)
    )


def _without_network(asked: Sequence[Asked]) -> Sequence[Asked]:
    """Those whose names could not be resolved, if that is so of several, and of all.

    An address in numbers needs no name, so nothing can be told from its answer; but
    whoever has a name and was found shows that names can be resolved.
    """
    tried = [one for one in asked if one.result and not _is_number(one)]
    lost = [one for one in tried if one.result and one.result.failure is Failure.DNS]
    return lost if len(lost) == len(tried) > 1 else ()


def _is_number(asked: Asked) -> bool:
    try:
        ip_address(asked.question.host)
    except ValueError:
        return is_this_machine(asked.question.host)
    return True
