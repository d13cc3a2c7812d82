"""How a table of answers is read: the first row that fits decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.backend.clients.retry_after import retry_after
from app.backend.health.checks.vendor import Answer, Fault
from app.backend.health.models import CheckResult, Failure, Status

__all__ = [
    "OUTAGES",
    "STRANGER",
    "UNREADABLE",
    "Row",
    "error_word",
    "judge_answer",
    "retry_after",
    "strange",
    "wants_list",
]

UNREADABLE = "unreadable"
"""The code of an answer whose body cannot be read."""

_ADDRESS = "Correct the address (HEALTH_<CHECK>_BASE_URL)."
_LATER = "Nothing to do but wait; see the vendor's status page."


@dataclass(frozen=True, slots=True)
class Row:
    """What one answer means.

    Attributes:
        status: of HTTP, or several.
        code: the vendor's own word for it; empty: any.
        failure: None: it is as good as an answer that was asked for.
        message: what it means, without the vendor's own text, which may quote a key.
        remedy: what to do about it.
        variable: to blame, where it is not the first one of the vendor's.
    """

    status: int | range
    code: str
    failure: Failure | None
    message: str
    remedy: str = ""
    variable: str = ""

    def fits(self, status: int, code: str) -> bool:
        """Whether it is about that answer."""
        known = self.status
        right = status == known if isinstance(known, int) else status in known
        return right and self.code in {"", code}


STRANGER = Row(
    403,
    UNREADABLE,
    Failure.INTERNAL,
    "somebody on the way refuses the request, in words that are not the vendor's",
    "See whether a proxy or a firewall answers in the vendor's place.",
)
"""A 403 that is no JSON: web application firewalls answer so, and know no key."""

OUTAGES = (
    Row(
        429,
        "",
        Failure.RATE_LIMIT,
        "too many requests for now",
        "Ask less often, or have the limit raised.",
    ),
    Row(503, "", Failure.OVERLOADED, "it is overloaded or under maintenance", _LATER),
    Row(529, "", Failure.OVERLOADED, "it is overloaded", _LATER),
    Row(range(500, 600), "", Failure.INTERNAL, "it failed on its side", _LATER),
    Row(
        range(300, 400),
        "",
        Failure.INTERNAL,
        "it answers with a redirect, which is not followed with a key",
        _ADDRESS,
    ),
)
"""How every vendor's table ends."""


def judge_answer(
    answer: Answer,
    rows: Sequence[Row],
    *,
    who: str,
    code: str = "",
    found: Callable[[Any], CheckResult | None] | None = None,
) -> CheckResult:
    """Reads the table; what no row knows is ``internal``.

    Args:
        answer: what came.
        rows: the vendor's table; the first that fits decides.
        who: the vendor's name in words; that of its check, but for capitals.
        code: the vendor's own word in this answer.
        found: judges what a 2xx answer carries; None, or without it: healthy.

    Returns:
        ``unhealthy`` without an answer; ``degraded`` where it answered, but not as it
        should, with what it says of when to ask again. The data never hold a word of
        the vendor's that no row knows.
    """
    result = _judged(answer, rows, who=who, code=code, found=found)
    if result.failure is None:
        return result
    return replace(result, retry_after=retry_after(answer.headers))


def _judged(
    answer: Answer,
    rows: Sequence[Row],
    *,
    who: str,
    code: str,
    found: Callable[[Any], CheckResult | None] | None,
) -> CheckResult:
    fault = answer.fault
    if fault is not None and not fault.answered:
        return _silent(fault, who)
    code = UNREADABLE if fault is not None else code
    data = _facts(answer, rows, code)
    for row in rows:
        if row.fits(answer.status, code):
            return CheckResult(
                status=Status.DEGRADED if row.failure else Status.HEALTHY,
                failure=row.failure,
                message=f"{who}: {row.message}",
                remedy=_named(row.remedy, who),
                data=data | ({"variable": row.variable} if row.variable else {}),
            )
    if answer.status not in range(200, 300):
        message = f"{who}: it answers with HTTP {answer.status}"
        remedy = _named(_ADDRESS, who)
        return CheckResult.degraded(Failure.INTERNAL, message, remedy=remedy, **data)
    if fault is not None:
        message = f"{who}: {fault.message}"
        return CheckResult.degraded(fault.failure, message, remedy=fault.remedy, **data)
    result = found(answer.body) if found else None
    if result is None:
        return CheckResult(status=Status.HEALTHY, data=data)
    return replace(result, data={**data, **result.data})


def _named(remedy: str, who: str) -> str:
    """With the variable of this vendor, whose check bears the same name."""
    return remedy.replace("<CHECK>", who.upper())


def strange(who: str) -> CheckResult:
    """JSON, but not what this vendor answers."""
    return CheckResult.degraded(
        Failure.INTERNAL,
        f"{who}: its answer has another shape than the vendor's",
        remedy="See whether something else answers in the vendor's place.",
    )


def wants_list(who: str, body: Any, name: str = "data") -> CheckResult | None:
    """None if the body is a list, or an object with a list of that name."""
    inner = body.get(name) if isinstance(body, Mapping) else body
    return None if isinstance(inner, list) else strange(who)


def error_word(body: Any, *names: str) -> str:
    """The first of these that the ``error`` object of a body has; else nothing."""
    error = body.get("error") if isinstance(body, Mapping) else None
    words = (error.get(name) for name in names) if isinstance(error, Mapping) else ()
    return next((word for word in words if word and isinstance(word, str)), "")


def _silent(fault: Fault, who: str) -> CheckResult:
    return CheckResult(
        status=Status.UNHEALTHY,
        failure=fault.failure,
        message=f"{who}: {fault.message}",
        remedy=fault.remedy,
        transient=fault.transient,
    )


def _facts(answer: Answer, rows: Sequence[Row], code: str) -> dict[str, object]:
    data: dict[str, object] = {"http_status": answer.status}
    if code and any(row.code == code for row in rows):
        data["code"] = code
    wait = retry_after(answer.headers)
    if wait is not None:
        data["retry_after_s"] = wait
    return data
