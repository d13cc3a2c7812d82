"""The health routes, for requests that ask for more than the edge's bytes hold.

They are also what OpenAPI documents: the edge answers the same paths from the same
policies and writers.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from app.backend.api.health_documents import (
    NO_CHECK,
    OBJECT,
    REPORTS,
    SCHEMA,
    SUMMARIES,
    Answers,
    Exclude,
    FormatName,
    Verbose,
    Why,
)
from app.backend.api.negotiation import named, preferred
from app.backend.api.problems import problem
from app.backend.api.tokens import Access, TokenCheck
from app.backend.health.board import Board
from app.backend.health.pages import Page, page_of
from app.backend.health.policies import POLICIES, Policy, excluding, single
from app.backend.health.writers import health_json, native
from app.backend.health.writers.formats import FORMATS, NATIVE, Format
from app.backend.health.writers.wish import Wish

__all__ = ["health_router"]

_SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "json": native.schema,
    "health": health_json.schema,
}


def health_router(board: Board, tokens: TokenCheck) -> APIRouter:
    """Every health route; each also answers HEAD, and with a slash at its end."""
    router = APIRouter(tags=["health"])
    for path, policy in POLICIES.items():
        route = _policy_route(board, tokens, path, policy)
        _add(router, path, route, SUMMARIES[path], REPORTS)
    one = _check_route(board, tokens)
    _add(router, "/api/health/checks/{name}", one, "One check", REPORTS | NO_CHECK)
    _add(
        router,
        "/api/health/schema",
        _schema_route(),
        "JSON Schema of the bodies",
        SCHEMA,
    )
    _add(router, "/api/health/history", _history_route(board, tokens), "Changes")
    _add(router, "/api/version", _version_route(board), "Which release this is")
    return router


def _add(
    router: APIRouter,
    path: str,
    route: Any,
    summary: str,
    responses: Answers = OBJECT,
) -> None:
    name = path.removeprefix("/api/").replace("/", "_").replace("{name}", "one")
    router.add_api_route(
        path,
        route,
        methods=["GET"],
        name=name,
        summary=summary,
        response_class=Response,
        responses=responses,
    )
    for variant, methods in ((path, ["HEAD"]), (f"{path}/", ["GET", "HEAD"])):
        router.add_api_route(variant, route, methods=methods, include_in_schema=False)


def _policy_route(board: Board, tokens: TokenCheck, path: str, policy: Policy) -> Any:
    async def answer(
        request: Request,
        format: FormatName = None,  # noqa: A002 - the name in the query
        why: Why = None,
        verbose: Verbose = None,
        exclude: Exclude = None,
    ) -> Response:
        form = _chosen(request, format)
        if form is None:
            return _unacceptable(one.names[0] for one in FORMATS)
        pair, now, snapshot = board.pages[path], time.monotonic(), board.snapshot
        if now >= pair.stale_at:
            snapshot = snapshot.as_unknown()
        access = tokens.access(request.headers.get("authorization"))
        details = tokens.sees_details(access)
        wish = Wish(
            details=details,
            why=details and why is not None,
            verbose=verbose is not None,
            exclude=tuple(exclude or ()),
            path=path,
            root=request.scope.get("root_path", ""),
            now=datetime.now(UTC),
        )
        verdict = excluding(policy, frozenset(wish.exclude))(snapshot)
        return _respond(
            page_of(verdict, snapshot, wish, form),
            age=now - pair.oldest,
            challenge=_challenge(access, wanted=why is not None and not details),
            varies=format is None and form is not NATIVE,
        )

    return answer


def _check_route(board: Board, tokens: TokenCheck) -> Any:
    async def answer(
        request: Request,
        name: str,
        format: FormatName = None,  # noqa: A002 - the name in the query
        verbose: Verbose = None,
    ) -> Response:
        form = _chosen(request, format)
        if form is None:
            return _unacceptable(one.names[0] for one in FORMATS)
        snapshot = board.current(name)
        if name not in snapshot.checks:
            return problem(
                HTTPStatus.NOT_FOUND,
                "there is no check of that name",
                remedy="GET /api/health/detailed lists the checks",
            )
        access = tokens.access(request.headers.get("authorization"))
        verdict = single(snapshot, name)
        wish = Wish(
            details=tokens.sees_details(access),
            verbose=verbose is not None,
            path=f"/api/health/checks/{name}",
            root=request.scope.get("root_path", ""),
            now=datetime.now(UTC),
        )
        return _respond(
            page_of(verdict, snapshot, wish, form),
            age=time.monotonic() - native.oldest(verdict, snapshot),
            challenge=_challenge(access, wanted=False),
            varies=format is None and form is not NATIVE,
        )

    return answer


def _chosen(request: Request, name: str | None) -> Format | None:
    """What is asked for by name, else what ``Accept`` prefers."""
    if name is not None:
        return named(name)
    return preferred(",".join(request.headers.getlist("accept")))


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
    async def answer(
        format: Annotated[  # noqa: A002 - the name in the query
            str, Query(json_schema_extra={"enum": [*_SCHEMAS]})
        ] = "json",
    ) -> Response:
        form = named(format)
        schema = _SCHEMAS.get(form.names[0]) if form else None
        return _json(schema()) if schema else _unacceptable(_SCHEMAS)

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


def _respond(
    page: Page, *, age: float, challenge: str | None, varies: bool
) -> Response:
    """A wrong token does not change what a probe sees, but it is not passed over."""
    headers = {name.decode(): value.decode() for name, value in page.headers}
    headers["x-health-age"] = f"{age:.1f}"
    if varies:
        headers["vary"] = "accept"
    if challenge is not None:
        headers["www-authenticate"] = challenge
    return Response(page.body, status_code=page.status, headers=headers)


def _unacceptable(names: Iterable[str]) -> Response:
    return problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "there is no such format",
        remedy=f"ask for one of: {', '.join(names)}; OpenMetrics are at /metrics",
    )
