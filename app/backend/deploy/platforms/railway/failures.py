"""What an answer of Railway's means: data, or an error with its remedy. Pure.

Errors are told by the body, not by the status: an HTTP 200 with ``errors`` is a
refusal, and a 429 or 403 may be plain text of the edge in front (FACTS §1).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.backend.clients.retry_after import LONGEST_HOLD, retry_after
from app.backend.deploy.platforms.railway.quota import seconds_to_reset
from app.backend.deploy.platforms.railway.refusals import (
    Complaint,
    complaints_of,
    is_certain,
    is_limit,
    is_opaque,
    refusal,
)
from app.backend.deploy.platforms.railway.tokens import Credentials
from app.errors import (
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
    RateLimitedError,
)

__all__ = ["Call", "Failure", "Reply", "outcome", "unanswered"]

_TOO_MANY: Final = 429
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_BROKEN: Final = 500
_EDGE_LIMIT: Final = b"error code: 1015"
_EDGE_REFUSAL: Final = b"error code: 1010"
_ADDRESS: Final = "see whether PM33_RAILWAY_API_URL is Railway's, or take it away"
_FEW: Final = 3
_MANY: Final = 100
_LATER: Final = 5.0
"""Seconds to wait where a limit does not say how long."""
_EDGE_LATER: Final = 10.0
"""The edge counts requests in ten seconds (Cloudflare, "Rate limiting rules")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked.

    Attributes:
        operation: its name.
        changes: whether it is a mutation; what came of one may not be known.
        credentials: whose token was sent; for words alone.
        hide: takes the values that were sent, and the token, out of a text.
        partial: data beside errors are taken.
    """

    operation: str
    changes: bool
    credentials: Credentials
    hide: Callable[[str], str] = field(repr=False)
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        status: of HTTP.
        headers: names in lower case.
        body: None: longer than is read.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, and how often a read may be asked in all; a change is never repeated.

    An id that is none looks like a passing fault, and is not worth many requests.
    """

    error: PlatformError
    tries: int = 1


def outcome(reply: Reply, call: Call, *, now: datetime) -> Mapping[str, Any] | Failure:
    """The answer's ``data``, or what is wrong.

    A change is refused for certain only where the answer says so in words that are
    known: what broke on the way, or came back in part, may have been done.

    Args:
        reply: the whole answer.
        call: what was asked.
        now: for a limit that ends at a time.
    """
    if reply.status == _TOO_MANY:
        return _limited(reply, call, now)
    if reply.body is None:
        return _doubt("its answer is longer than any that is expected", call)
    body = _parsed(reply.body)
    data = body.get("data")
    complaints = [one.cleaned(call.hide) for one in complaints_of(body)]
    if complaints:
        return _refused(complaints, data, reply, call, now)
    fine = 200 <= reply.status < 300  # noqa: PLR2004 - RFC 9110 §15.3
    if fine and isinstance(data, Mapping):
        return data
    if fine or reply.status >= _BROKEN:
        told = "neither data nor errors" if fine else f"HTTP {reply.status}"
        return _doubt(f"it answered {told}", call, tries=_MANY)
    return Failure(_before_the_api(reply, call))


def unanswered(why: str, remedy: str, call: Call) -> Failure:
    """Nothing came back, or not all of it."""
    return _doubt(why, call, remedy=remedy, tries=_MANY)


def _refused(
    complaints: list[Complaint], data: Any, reply: Reply, call: Call, now: datetime
) -> Mapping[str, Any] | Failure:
    some = data if isinstance(data, Mapping) else {}
    done = any(one is not None for one in some.values())
    if done and call.partial and not call.changes:
        return some
    first = complaints[0]
    doubtful = call.changes and (done or not all(map(is_certain, complaints)))
    if doubtful or reply.status >= _BROKEN:
        return _doubt(f"it answered {first}", call, tries=_MANY)
    if is_limit(first):
        return _limited(reply, call, now, first)
    error = refusal(first, call.operation, call.credentials)
    return Failure(error, _FEW if is_opaque(first) else 1)


def _limited(
    reply: Reply, call: Call, now: datetime, complaint: Complaint | None = None
) -> Failure:
    """Nothing was done; seconds as it says, else as long as the window lasts."""
    at_edge = _EDGE_LIMIT in (reply.body or b"")
    seconds = retry_after(reply.headers)
    if seconds is None and not at_edge and complaint is None:
        seconds = seconds_to_reset(reply.headers, now)
    if seconds is None:
        seconds = _EDGE_LATER if at_edge else _LATER
    seconds = min(seconds, LONGEST_HOLD)
    who = "Railway's edge" if at_edge else "Railway"
    told = f" ({complaint})" if complaint else ""
    error = RateLimitedError(
        f"{who} takes no more requests for now{told}; {call.operation} was not done",
        remedy=f"try again in {max(seconds, 1):.0f} s",
        retry_after=seconds,
    )
    return Failure(error, _MANY)


def _before_the_api(reply: Reply, call: Call) -> PlatformError:
    """What stands before the API has answered; nothing was done."""
    answered = f"HTTP {reply.status} to {call.operation}"
    if reply.status == _UNAUTHORIZED:
        return NotAuthorizedError(
            f"Railway answered {answered}: {call.credentials.words} is not accepted",
            remedy=call.credentials.remedy,
        )
    if reply.status == _FORBIDDEN:
        code = " (error 1010)" if _EDGE_REFUSAL in (reply.body or b"") else ""
        return PlatformError(
            f"Railway's edge answered {answered}{code}; nothing was done",
            remedy="see whether a proxy on the way takes the User-Agent away, and"
            " whether this network may reach railway.com",
        )
    return PlatformError(f"{answered} was answered, by no API", remedy=_ADDRESS)


def _doubt(why: str, call: Call, *, remedy: str = "", tries: int = 1) -> Failure:
    """It is not known what became of it."""
    if call.changes:
        told = f"Railway may have done {call.operation}, or not: {why}"
        remedy = remedy or "look at what it shows before trying again"
    else:
        told = f"Railway cannot be asked for {call.operation}: {why}"
        remedy = remedy or "try again; https://status.railway.com says what is broken"
    return Failure(PlatformUnreachableError(told, remedy=remedy), tries)


def _parsed(body: bytes) -> Mapping[str, Any]:
    """Empty where it is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}
