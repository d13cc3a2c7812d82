import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.backend.api.observer import BUCKETS, Observer, RouteCounter
from tests.support.health import call, until


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x", status_code=int(request.path_params["code"]))


CODES = Starlette(routes=[Route("/codes/{code}", plain)])


async def answer(send: Send, code: int = 200) -> None:
    await send({"type": "http.response.start", "status": code, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


@pytest.mark.parametrize("code", [200, 204, 302, 404, 500, 503])
async def test_an_answer_counts_by_route_and_first_digit(code: int) -> None:
    observer = Observer(CODES)
    answered = await call(observer, f"/codes/{code}")

    assert answered.status == code
    [(route, counter)] = observer.routes.items()
    assert route == "/codes/{code}"
    assert counter.classes[code // 100] == sum(counter.classes) == 1
    assert sum(counter.buckets) == 1


async def test_requests_of_one_route_are_added_up() -> None:
    observer = Observer(CODES)
    for code in (200, 200, 503, 500, 404):
        await call(observer, f"/codes/{code}")

    assert observer.routes["/codes/{code}"].classes == [0, 0, 2, 0, 1, 2]


async def test_paths_that_no_route_has_are_one_group() -> None:
    observer = Observer(CODES)
    for number in range(50):
        await call(observer, f"/scan/{number}")

    assert observer.routes.keys() == {"other"}
    assert observer.routes["other"].classes[4] == 50


async def test_an_exception_counts_as_what_the_client_gets() -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("canary")

    observer = Observer(breaks)
    with pytest.raises(ValueError, match="canary"):
        await call(observer, "/")

    assert observer.routes["other"].classes[5] == 1
    assert observer.in_flight == 0


async def test_half_an_answer_counts_as_an_error() -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        raise ValueError("canary")

    observer = Observer(breaks)
    with pytest.raises(ValueError, match="canary"):
        await call(observer, "/")

    assert observer.routes["other"].classes == [0, 0, 0, 0, 0, 1]


async def test_a_client_that_went_away_is_counted_nowhere() -> None:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    observer = Observer(waits)
    request = asyncio.create_task(call(observer, "/"))
    await until(lambda: observer.in_flight == 1)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert observer.in_flight == 0
    assert observer.routes == {}


async def test_requests_are_in_flight_until_they_are_answered() -> None:
    going = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await going.wait()
        await answer(send)

    observer = Observer(waits)
    requests = [asyncio.create_task(call(observer, "/")) for _ in range(3)]
    await until(lambda: observer.in_flight == 3)
    going.set()
    await asyncio.gather(*requests)

    assert observer.in_flight == 0
    assert observer.routes["other"].classes[2] == 3


def streaming(background: BackgroundTask | None = None) -> App:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x"
            await asyncio.sleep(0.05)

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(chunks(), background=background)

    return Starlette(routes=[Route("/stream", stream)])


async def test_the_latency_of_a_stream_is_that_of_the_whole_stream() -> None:
    observer = Observer(streaming())
    answered = await call(observer, "/stream")

    counter = observer.routes["/stream"]
    assert answered.body == b"xxx"
    assert counter.seconds >= 0.149
    assert sum(counter.buckets[:5]) == 0  # none as fast as a tenth of a second


async def test_work_after_the_answer_is_no_latency() -> None:
    observer = Observer(streaming(BackgroundTask(asyncio.sleep, 1.0)))
    await call(observer, "/stream")

    assert observer.routes["/stream"].seconds < 0.9


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_other_protocols_are_not_counted(kind: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        del message

    observer = Observer(app)
    scope: dict[str, Any] = {"type": kind, "path": "/"}
    await observer(scope, receive, send)

    assert seen == [scope]
    assert observer.routes == {}


async def test_there_is_an_end_to_the_groups_that_are_told_apart() -> None:
    class Named:
        def __init__(self, path: str) -> None:
            self.path = path

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Named(scope["path"])
        await answer(send)

    observer = Observer(app)
    for number in range(700):
        await call(observer, f"/{number}")
    await call(observer, "/0")

    assert len(observer.routes) == 501
    assert observer.routes["other"].classes[2] == 200
    assert observer.routes["/0"].classes[2] == 2


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.005, 0), (0.0051, 1), (3600, len(BUCKETS))]
)
def test_a_latency_has_the_first_bucket_whose_bound_it_does_not_exceed(
    seconds: float, bucket: int
) -> None:
    counter = RouteCounter()
    counter.add(200, seconds)

    assert counter.buckets.index(1) == bucket
    assert counter.seconds == seconds


@pytest.mark.parametrize("kind", ["included", "mounted"])
async def test_one_path_under_two_prefixes_is_two_groups(kind: str) -> None:
    app = FastAPI()
    for prefix in ("/v1", "/v2"):
        if kind == "included":
            router = APIRouter()
            router.add_api_route("/items/{code}", plain, response_model=None)
            app.include_router(router, prefix=prefix)
        else:
            app.routes.append(Mount(prefix, routes=[Route("/items/{code}", plain)]))
    observer = Observer(app)
    for path in ("/v1/items/200", "/v1/items/201", "/v2/items/503"):
        await call(observer, path)

    assert {route: c.classes for route, c in observer.routes.items()} == {
        "/v1/items/{code}": [0, 0, 2, 0, 0, 0],
        "/v2/items/{code}": [0, 0, 0, 0, 0, 1],
    }
