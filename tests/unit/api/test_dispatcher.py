import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route, Router

from app.backend.api.composition import (
    OWNED,
    Dispatcher,
    is_owned,
    refuse_taken_routes,
)
from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.errors import RouteTakenError
from tests.support.health import call


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(scope)


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    return None


async def silent() -> Message:
    return {}


OURS = [*OWNED, "/api/health/", "/api/health/live", "/metrics/x", "/api/version/"]
THEIRS = ["/", "/api", "/api/healthz", "/api/health-check", "/metricsx", "/API/HEALTH"]


@pytest.mark.parametrize("path", [*OURS, *THEIRS])
async def test_our_paths_are_ours_and_all_others_the_hosts(path: str) -> None:
    def named(name: bytes) -> App:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name})

        return app

    answer = await call(Dispatcher(named(b"own"), named(b"host")), path)

    assert answer.body == (b"own" if path in OURS else b"host")
    assert is_owned(path) is (path in OURS)


async def test_a_websocket_is_the_hosts_wherever_it_leads() -> None:
    reached: list[str] = []

    async def host(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "websocket", "path": "/metrics"}
    await Dispatcher(unreachable, host)(scope, silent, send)

    assert reached == ["/metrics"]


def included(prefix: str, path: str) -> FastAPI:
    router, app = APIRouter(), FastAPI()
    router.add_api_route(path, lambda: None)
    app.include_router(router, prefix=prefix)
    return app


def direct(path: str) -> FastAPI:
    app = FastAPI()
    app.add_api_route(path, lambda: None)
    return app


def mounted(prefix: str, path: str) -> Starlette:
    return Starlette(routes=[Mount(prefix, Router([Route(path, returns)]))])


@pytest.mark.parametrize(
    "host",
    [
        direct("/api/health"),
        direct("/api/health/custom"),
        direct("/metrics"),
        included("/api", "/health"),
        included("/api/health", "/custom"),
        mounted("/api/health", "/custom"),
        mounted("/api", "/health"),
    ],
    ids=["own", "below", "metrics", "included", "prefix", "mounted", "below a mount"],
)
def test_a_path_of_ours_that_the_host_has_is_refused(host: object) -> None:
    with pytest.raises(RouteTakenError, match=r"/api/health|/metrics") as caught:
        refuse_taken_routes(host)

    assert caught.value.remedy


@pytest.mark.parametrize(
    "host",
    [
        direct("/api/healthz"),
        direct("/{path:path}"),
        included("/v1", "/health"),
        mounted("/v1", "/metrics"),
        returns,
        object(),
    ],
    ids=["similar", "catch-all", "included", "mounted", "bare", "unknown"],
)
def test_other_hosts_are_welcome(host: object) -> None:
    refuse_taken_routes(host)
