"""What Railway complains of in ``errors``, told apart by message and code.

Messages are all there is for most of them: ``Not Authorized`` comes with the code
``INTERNAL_SERVER_ERROR`` (railway-skills #81). Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from typing_extensions import override

from app.backend.deploy.platforms.railway.tokens import Credentials
from app.errors import NotAuthorizedError, PlatformError

__all__ = [
    "Complaint",
    "complaints_of",
    "is_certain",
    "is_limit",
    "is_opaque",
    "refusal",
]

_LONGEST: Final = 300
_OURS: Final = frozenset(
    {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}
)
_LIMIT: Final = re.compile(r"too quickly|rate limit(ed| exceeded)", re.IGNORECASE)
_OPAQUE: Final = re.compile(
    r"problem processing request|internal (server )?error|unexpected (server )?error"
    r"|something went wrong|time[sd]?[ -]?out|bad gateway|service unavailable"
    r"|econn|socket hang ?up|fetch failed|connection (reset|closed|terminated|refused)",
    re.IGNORECASE,
)
"""Railway's own words, and those of what its like is built from: GraphQL servers that
mask an error, and calls between services that broke off, perhaps after they did it."""
# graphql-js quotes the value itself, and then what of it is wrong.
_QUOTED: Final = re.compile(r"(got invalid value|cannot represent).*", re.DOTALL)
_TRACE: Final = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One of ``errors``.

    Attributes:
        message: in one line, without control characters.
        code: ``extensions.code``; empty without one.
        trace: by which Railway's people find it; empty without one.
        workspace: ``extensions.workspaceName``.
    """

    message: str
    code: str = ""
    trace: str = ""
    workspace: str = ""

    @override
    def __str__(self) -> str:
        trace = f" (trace {self.trace})" if self.trace else ""
        return f"“{self.message}”{trace}"

    def cleaned(self, hide: Callable[[str], str]) -> "Complaint":
        """The same without what was sent: a refused value may be a secret."""
        message = _QUOTED.sub(r"\1 …", self.message)
        return replace(self, message=hide(message)[:_LONGEST])


def complaints_of(body: Mapping[str, Any]) -> Iterator[Complaint]:
    """All of ``errors``, whatever they look like; nothing where there are none."""
    errors = body.get("errors") or []
    for error in errors if isinstance(errors, list) else [errors]:
        one = error if isinstance(error, Mapping) else {}
        extensions = one.get("extensions")
        more = extensions if isinstance(extensions, Mapping) else {}
        # Where the trace stands is not established (FACTS §1).
        trace = _line(one.get("traceId") or more.get("traceId"))
        yield Complaint(
            message=_line(one.get("message")) or "an error without words",
            code=_line(more.get("code")),
            trace=trace if _TRACE.fullmatch(trace) else "",
            workspace=_line(more.get("workspaceName")),
        )


def is_limit(complaint: Complaint) -> bool:
    """Whether it was too much at once; these limits come as HTTP 200, too."""
    return _LIMIT.search(complaint.message) is not None


def is_opaque(complaint: Complaint) -> bool:
    """Whether it may as well be a passing fault of Railway's own."""
    return _OPAQUE.search(complaint.message) is not None


def is_certain(complaint: Complaint) -> bool:
    """Whether nothing was done for certain.

    Words that nobody knows may be those of a step that broke after it was done.
    """
    if is_opaque(complaint):
        return False
    if complaint.code in _OURS or is_limit(complaint):
        return True
    return any(words in complaint.message.lower() for words in _CERTAIN)


def refusal(
    complaint: Complaint, operation: str, credentials: Credentials
) -> PlatformError:
    """The error that a complaint means; nothing was done."""
    said = f"Railway answered {complaint} to {operation}"
    if complaint.code in _OURS:
        return PlatformError(
            f"{said}: the request does not fit its API, which is a fault of pm33's",
            remedy="take a newer pm33; if there is none, report this",
        )
    for words, make in _KNOWN:
        if words in complaint.message.lower():
            return make(said, complaint, credentials)
    if is_opaque(complaint):
        return _opaque(said, complaint, credentials)
    return PlatformError(said, remedy="see in Railway's dashboard whether that is so")


def _not_authorized(said: str, _: Complaint, credentials: Credentials) -> PlatformError:
    return NotAuthorizedError(
        f"{said}: {credentials.words} is not valid, or it may not do this, or there is"
        " no such id",
        remedy=f"{credentials.remedy}; then PM33_RAILWAY_PROJECT, _ENVIRONMENT and"
        " _SERVICE",
    )


def _no_token(said: str, _: Complaint, credentials: Credentials) -> PlatformError:
    return NotAuthorizedError(
        f"{said}: {credentials.words} is not valid, or has been deleted",
        remedy="make a new token in the project's settings",
    )


def _second_factor(said: str, complaint: Complaint, _: Credentials) -> PlatformError:
    where = f"the workspace {complaint.workspace}" if complaint.workspace else "it"
    return NotAuthorizedError(
        f"{said}: {where} takes only accounts with two-factor authentication",
        remedy="switch it on at https://railway.com/account/security, or use a token"
        " of the project",
    )


def _no_commit(said: str, _: Complaint, __: Credentials) -> PlatformError:
    return PlatformError(
        f"{said}: the repository that the service is connected to does not hold it",
        remedy="push the commit, and see which repository the service is connected to",
    )


def _opaque(said: str, _: Complaint, __: Credentials) -> PlatformError:
    return PlatformError(
        f"{said}: an id or a value it does not know, or a fault of its own",
        remedy="see whether the ids are Railway's; https://status.railway.com says what"
        " is broken",
    )


_Make = Callable[[str, Complaint, Credentials], PlatformError]
_KNOWN: Final[tuple[tuple[str, _Make], ...]] = (
    ("project token not found", _no_token),
    ("two factor authentication required", _second_factor),
    ("not authorized", _not_authorized),
    ("unauthorized", _not_authorized),
    ("commit not found", _no_commit),
    ("problem processing request", _opaque),
)
_CERTAIN: Final = (
    *(words for words, make in _KNOWN if make is not _opaque),
    *("project not found", "invalid service name", "already exists in this project"),
)
"""What refuses a change, in lower case (FACTS §1)."""


def _line(value: Any) -> str:
    """Text in one line that no terminal obeys; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())
