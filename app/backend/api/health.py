"""The health routes, for requests that ask for more than the edge's bytes hold.

They are also what OpenAPI documents: the edge answers the same paths from the same
policies and writers.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.backend.api.problems import PROBLEM_TYPE, problem
from app.backend.api.tokens import Access, TokenCheck
from app.backend.health.board import Board
from app.backend.health.pages import Page, page_of
from app.backend.health.policies import POLICIES, Policy, single
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers import native

__all__ = ["FORMATS", "health_router"]

FORMATS = ("json",)
"""What ``?format=`` may ask for.

An ``Accept`` header that none of them satisfies is ignored, as RFC 9110 §12.5.1 allows:
a probe with an odd header must not find a healthy service unacceptable.
"""

_SUMMARIES = {
    "/api/health": "The core checks",
    "/api/health/detailed": "Every check",
    "/api/health/live": "Does the process run?",
    "/api/health/ready": "May this replica get requests?",
    "/api/health/startup": "May this release take traffic?",
}

# A reference that is resolved against the document's own address, so that there is one
# schema (OpenAPI 3.1 §4.6, "Relative References in API Description URIs").
_REPORT = {native.MEDIA_TYPE: {"schema": {"$ref": "/api/health/schema"}}}
_PROBLEM = {PROBLEM_TYPE: {"schema": {"type": "object"}}}
_REPORTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "healthy or degraded", "content": _REPORT},
    406: {"description": "no such format", "content": _PROBLEM},
    503: {"description": "unhealthy or unknown", "content": _REPORT},
}
_NO_CHECK: dict[int | str, dict[str, Any]] = {
    404: {"description": "no such check", "content": _PROBLEM}
}
_OBJECT: dict[int | str, dict[str, Any]] = {
    200: {"content": {native.MEDIA_TYPE: {"schema": {"type": "object"}}}}
}

_Format = Annotated[str | None, Query(description="json")]
_Why = Annotated[
    str | None, Query(description="say which checks decided; needs a token")
]


def health_router(board: Board, tokens: TokenCheck) -> APIRouter:
    """Every health route; each also answers HEAD, and with a slash at its end."""
    router = APIRouter(tags=["health"])
    for path, policy in POLICIES.items():
        route = _policy_route(board, tokens, path, policy)
        _add(router, path, route, _SUMMARIES[path], _REPORTS)
    one = _check_route(board, tokens)
    _add(router, "/api/health/checks/{name}", one, "One check", _REPORTS | _NO_CHECK)
    _add(router, "/api/health/schema", _schema_route(), "JSON Schema of the bodies")
    _add(router, "/api/health/history", _history_route(board, tokens), "Changes")
    _add(router, "/api/version", _version_route(board), "Which release this is")
    return router


def _add(
    router: APIRouter,
    path: str,
    route: Any,
    summary: str,
    responses: Mapping[int | str, dict[str, Any]] = _OBJECT,
) -> None:
    name = path.removeprefix("/api/").replace("/", "_").replace("{name}", "one")
    router.add_api_route(
        path,
        route,
        methods=["GET"],
        name=name,
        summary=summary,
        response_class=Response,
        responses=dict(responses),
    )
    for variant, methods in ((path, ["HEAD"]), (f"{path}/", ["GET", "HEAD"])):
        router.add_api_route(variant, route, methods=methods, include_in_schema=False)


def _policy_route(board: Board, tokens: TokenCheck, path: str, policy: Policy) -> Any:
    async def answer(
        request: Request,
        format: _Format = None,  # noqa: A002 - the name in the query
        why: _Why = None,
    ) -> Response:
        if format not in {None, *FORMATS}:
            return _unacceptable()
        pair, now, snapshot = board.pages[path], time.monotonic(), board.snapshot
        if now >= pair.stale_at:
            snapshot = snapshot.as_unknown()
        access = tokens.access(request.headers.get("authorization"))
        details = tokens.sees_details(access)
        page = page_of(
            policy(snapshot),
            snapshot,
            details=details,
            why=details and why is not None,
        )
        wanted = why is not None and not details
        challenge = _challenge(access, wanted=wanted)
        return _respond(page, age=now - pair.oldest, challenge=challenge)

    return answer


def _check_route(board: Board, tokens: TokenCheck) -> Any:
    async def answer(
        request: Request,
        name: str,
        format: _Format = None,  # noqa: A002 - the name in the query
    ) -> Response:
        if format not in {None, *FORMATS}:
            return _unacceptable()
        snapshot = _current(board, name)
        if snapshot is None:
            return problem(
                HTTPStatus.NOT_FOUND,
                "there is no check of that name",
                remedy="GET /api/health/detailed lists the checks",
            )
        access = tokens.access(request.headers.get("authorization"))
        verdict = single(snapshot, name)
        page = page_of(verdict, snapshot, details=tokens.sees_details(access))
        age = time.monotonic() - native.oldest(verdict, snapshot)
        challenge = _challenge(access, wanted=False)
        return _respond(page, age=age, challenge=challenge)

    return answer


def _current(board: Board, name: str) -> Snapshot | None:
    view = board.snapshot.checks.get(name)
    if view is None:
        return None
    expired = view.expires is not None and time.monotonic() >= view.expires
    return board.snapshot.as_unknown() if expired else board.snapshot


def _history_route(board: Board, tokens: TokenCheck) -> Any:
    async def answer(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        check: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        access = tokens.access(request.headers.get("authorization"))
        details = tokens.sees_details(access)
        newest = board.history.newest(limit, check)
        body = {"transitions": [one.to_dict(details=details) for one in newest]}
        return _json(body)

    return answer


def _schema_route() -> Any:
    async def answer() -> Response:
        return _json(native.schema())

    return answer


def _version_route(board: Board) -> Any:
    async def answer() -> Response:
        return _json(board.snapshot.identity.to_dict())

    return answer


def _json(body: Any) -> Response:
    return Response(
        native.dumps(body),
        media_type=native.MEDIA_TYPE,
        headers={"cache-control": "no-store"},
    )


def _challenge(access: Access, *, wanted: bool) -> str | None:
    """RFC 6750 §3: no error code where no token was sent."""
    if access is Access.WRONG:
        return 'Bearer error="invalid_token"'
    return "Bearer" if wanted else None


def _respond(page: Page, *, age: float, challenge: str | None) -> Response:
    """A wrong token does not change what a probe sees, but it is not passed over."""
    headers = {name.decode(): value.decode() for name, value in page.headers}
    headers["x-health-age"] = f"{age:.1f}"
    if challenge is not None:
        headers["www-authenticate"] = challenge
    return Response(page.body, status_code=page.status, headers=headers)


def _unacceptable() -> Response:
    return problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "there is no such format",
        remedy=f"ask for one of: {', '.join(FORMATS)}",
    )
