"""``/metrics``: what this replica has answered, and what it knows of its checks."""

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from app.backend.api.edge import Edge
from app.backend.api.observer import BUCKETS, Observer
from app.backend.api.problems import PROBLEM_TYPE, problem
from app.backend.api.tokens import Access, TokenCheck
from app.backend.health.board import Board
from app.backend.health.writers import openmetrics
from app.backend.monitoring.metrics import CONTENT_TYPE, Family, Histogram, expose

__all__ = ["metrics_router", "traffic_families"]


def metrics_router(
    board: Board, edge: Edge, observer: Observer, tokens: TokenCheck
) -> APIRouter:
    """The route; outside development it asks for a token, or is not there."""
    router = APIRouter(tags=["metrics"])

    @router.get(
        "/metrics",
        summary="OpenMetrics",
        response_class=Response,
        responses={
            200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}},
            401: {
                "description": "a token is needed",
                "content": {PROBLEM_TYPE: {"schema": {"type": "object"}}},
            },
        },
    )
    async def metrics(request: Request) -> Response:
        """Counters and gauges, labelled with release and replica."""
        refusal = _refusal(tokens, request.headers.get("authorization"))
        if refusal is not None:
            return refusal
        identity = board.snapshot.identity
        labels = {"release": identity.commit, "replica": identity.replica_id}
        collected = [
            *traffic_families(edge, observer),
            *openmetrics.families(board.snapshot, time.monotonic()),
        ]
        # In a thread: the first call imports the exposition library.
        body = await asyncio.to_thread(expose, collected, labels)
        return Response(
            body, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"}
        )

    return router


def traffic_families(edge: Edge, observer: Observer) -> Iterable[Family]:
    """What was answered, by the application's routes and by the edge."""
    routes = dict(observer.routes)
    yield Family(
        name="pm33_requests",
        kind="counter",
        help="Answers of the application, by route and class of status code.",
        samples=[
            ({"route": route, "code": f"{digit}xx"}, float(count))
            for route, counter in routes.items()
            for digit, count in enumerate(counter.classes)
            if count
        ],
    )
    yield Family(
        name="pm33_request_seconds",
        kind="histogram",
        help="Seconds until the end of the answer, by route.",
        bounds=BUCKETS,
        samples=[
            ({"route": route}, Histogram(tuple(counter.buckets), counter.seconds))
            for route, counter in routes.items()
        ],
    )
    yield Family(
        name="pm33_requests_in_flight",
        kind="gauge",
        help="Requests being answered by the application.",
        samples=[({}, float(observer.in_flight))],
    )
    yield Family(
        name="pm33_health_answers",
        kind="counter",
        help="Answers given from the snapshot's bytes, by path and status code.",
        samples=[
            ({"path": path, "code": str(code)}, float(count))
            for (path, code), count in list(edge.answered.items())
        ],
    )


def _refusal(tokens: TokenCheck, authorization: str | None) -> Response | None:
    if tokens.open_to_all:
        return None
    if not tokens.configured:
        return problem(HTTPStatus.NOT_FOUND, "there is nothing here")
    if tokens.access(authorization) in {Access.ADMIN, Access.METRICS}:
        return None
    return problem(
        HTTPStatus.UNAUTHORIZED,
        "metrics need a token",
        remedy="send Authorization: Bearer with PM33_METRICS_TOKEN's value",
        headers={"www-authenticate": "Bearer"},
    )
