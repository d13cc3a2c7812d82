"""Each request has an id, one log line, and an answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.backend.api.request_context import RequestContext
from app.backend.health.identity import Identity
from app.backend.monitoring.observability import get_logger
from tests.support.captured_logs import CapturedLogs, captured_logs

CANARY = "canary-0123456789"
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PIECE: Message = {"type": "http.response.body", "body": b"x", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"."}
GONE: Message = {"type": "http.disconnect"}
IDENTITY = Identity(
    deployment_id="d-1",
    replica_id="r\r\n1é",
    commit="c0ffee",
    version="1",
    environment="production",
)
REQUEST: Message = {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture
def logs() -> Iterator[CapturedLogs]:
    environ = {"ENVIRONMENT": "production", "OPENAI_API_KEY": CANARY}
    with captured_logs(environ) as captured:
        yield captured


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        get_logger("pm33.inner").info("inside")
        return {"a": "b"}

    @app.get("/fail")
    async def fail() -> None:
        raise ValueError(CANARY)

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"a", b"b"):
                yield piece

        return StreamingResponse(pieces())

    return app


async def get(app: App, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=RequestContext(app))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        return await client.get(path, headers=names)


async def call(app: App, *incoming: Message, path: str = "/raw") -> list[Message]:
    """Calls a bare ASGI application; returns what it sent."""
    sent: list[Message] = []
    waiting = list(incoming)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    await RequestContext(app)(scope, receive, send)
    return sent


async def test_a_response_says_which_release_and_replica_gave_it() -> None:
    async def forging(scope: Scope, receive: Receive, send: Send) -> None:
        forged = [(b"X-PM33-Deployment", b"d-0"), (b"x-kept", b"1")]
        await send({**START, "headers": forged})
        await send(END)

    transport = httpx.ASGITransport(
        app=RequestContext(forging, identify=lambda: IDENTITY)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        headers = (await client.get("/")).headers

    assert headers.get_list("x-pm33-deployment") == ["d-1"]
    assert headers["x-pm33-replica"] == "r__1_"
    assert headers["x-kept"] == "1"


async def test_who_answers_is_said_of_a_failure_as_well() -> None:
    context = RequestContext(application(), identify=lambda: IDENTITY)
    transport = httpx.ASGITransport(app=context)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        response = await client.get("/fail")

    assert (response.status_code, response.headers["x-pm33-deployment"]) == (500, "d-1")


async def test_who_answers_is_not_said_where_nobody_knows() -> None:
    response = await get(application(), "/hello")

    assert not any(name.startswith("x-pm33") for name in response.headers)


async def test_a_request_is_one_line_with_the_id_of_the_response(
    logs: CapturedLogs,
) -> None:
    response = await get(application(), "/hello?token=abc")
    inside, line = logs.events
    request_id = response.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert inside["request_id"] == line["request_id"] == request_id
    assert line.pop("duration_ms") >= 0
    del line["time"], line["request_id"]
    assert line == {
        "level": "info",
        "logger": "pm33.request",
        "message": "request finished",
        "method": "GET",
        "path": "/hello",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"x_request_id": "a.B:c_d-1"}, "a.B:c_d-1"),
        ({"x_railway_request_id": "rw-1"}, "rw-1"),
        ({"x_request_id": "mine", "x_railway_request_id": "rw-1"}, "mine"),
        ({"x_request_id": "not mine", "x_railway_request_id": "rw-1"}, "rw-1"),
        ({"x_request_id": "a" * 128}, "a" * 128),
    ],
)
async def test_an_id_that_came_along_is_kept(
    headers: dict[str, str], taken: str
) -> None:
    response = await get(application(), "/hello", **headers)
    assert response.headers.get_list("x-request-id") == [taken]


@pytest.mark.parametrize("forged", ["", "a" * 129, 'x", "level": "', "a\n", "a b"])
async def test_an_id_that_could_forge_a_line_is_replaced(forged: str) -> None:
    response = await get(application(), "/hello", x_request_id=forged)
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_the_id_of_the_application_does_not_stand_beside_ours() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"X-Request-ID", b"its own"), (b"a", b"b")]})
        await send(END)

    start, _ = await call(app)
    names = [name for name, _ in start["headers"]]
    assert names == [b"a", b"x-request-id"]


async def test_an_id_ends_with_its_request(logs: CapturedLogs) -> None:
    await get(application(), "/hello")
    get_logger("pm33.outer").info("after")
    assert "request_id" not in logs.events[-1]


async def test_a_server_error_is_a_warning(logs: CapturedLogs) -> None:
    await get(application(), "/unavailable")
    (line,) = logs.events
    assert (line["level"], line["status"]) == ("warning", 503)


async def test_an_exception_that_fastapi_answered_is_logged_once(
    logs: CapturedLogs,
) -> None:
    response = await get(application(), "/fail")
    (line,) = logs.events
    assert (response.status_code, line["status"], line["level"]) == (500, 500, "error")
    assert "ValueError: [redacted]" in line["exception"]
    assert CANARY not in logs.text


async def test_an_exception_that_nobody_answered_becomes_a_problem(
    logs: CapturedLogs,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError(CANARY)

    response = await get(app, "/x", x_request_id="r-1")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"] == "r-1"
    body = response.json()
    assert (body["status"], body["request_id"]) == (500, "r-1")
    assert CANARY not in response.text
    (line,) = logs.events
    assert (line["message"], line["status"]) == ("request failed", 500)


async def test_an_exception_in_a_half_sent_response_reaches_the_server(
    logs: CapturedLogs,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(PIECE)
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        await call(app)
    (line,) = logs.events
    assert (line["level"], line["status"]) == ("error", 200)
    assert "ValueError: late" in line["exception"]


async def test_a_stream_is_passed_on_piece_by_piece_and_logged_at_its_end(
    logs: CapturedLogs,
) -> None:
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for piece in (PIECE, PIECE, END):
            seen.append(len(logs.events))
            await send(piece)

    sent = await call(app)
    assert [message.get("body") for message in sent[1:]] == [b"x", b"x", b"."]
    assert seen == [0, 0, 0]
    assert len(logs.events) == 1


async def test_a_client_that_leaves_a_stream_is_noted(logs: CapturedLogs) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(PIECE)
        await receive()

    await call(app, GONE)
    (line,) = logs.events
    assert (line["level"], line["client_disconnected"]) == ("info", True)


async def test_a_client_that_leaves_its_own_upload_is_no_failure(
    logs: CapturedLogs,
) -> None:
    body = {"type": "http.request", "body": b"half", "more_body": True}
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/read",
        "query_string": b"",
        "headers": [],
    }
    messages = iter([body, GONE])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        raise OSError

    await RequestContext(application())(scope, receive, send)
    (line,) = logs.events
    assert line["client_disconnected"] is True
    assert "exception" not in line


async def test_a_connection_that_breaks_while_sending_is_noted(
    logs: CapturedLogs,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    async def send(message: Message) -> None:
        raise BrokenPipeError

    async def receive() -> Message:
        return REQUEST

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await RequestContext(app)(scope, receive, send)
    (line,) = logs.events
    assert (line["level"], line["client_disconnected"]) == ("info", True)


async def test_leaving_after_the_end_is_no_disconnect(logs: CapturedLogs) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)
        await receive()

    await call(app, GONE)
    (line,) = logs.events
    assert "client_disconnected" not in line


async def test_a_response_that_was_not_finished_is_a_warning(
    logs: CapturedLogs,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)

    await call(app)
    (line,) = logs.events
    assert line["level"] == "warning"
    assert "unfinished" in line["message"]


async def test_a_cancelled_request_is_logged_and_stays_cancelled(
    logs: CapturedLogs,
) -> None:
    entered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call(app))
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert task.cancelled()
    (line,) = logs.events
    assert (line["level"], line["message"]) == ("warning", "request cancelled")


async def test_concurrent_requests_keep_their_ids_apart(logs: CapturedLogs) -> None:
    barrier = asyncio.Barrier(2)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await barrier.wait()
        get_logger("pm33.inner").info(scope["path"])
        await send(START)
        await send(END)

    async with asyncio.timeout(30):
        await asyncio.gather(
            get(app, "/a", x_request_id="a"), get(app, "/b", x_request_id="b")
        )
    inner = [event for event in logs.events if event["logger"] == "pm33.inner"]
    assert {event["message"]: event["request_id"] for event in inner} == {
        "/a": "a",
        "/b": "b",
    }


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_other_scopes_pass_untouched(kind: str, logs: CapturedLogs) -> None:
    passed: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.extend((scope, receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        del message

    scope = {"type": kind}
    await RequestContext(app)(scope, receive, send)
    assert passed == [scope, receive, send]
    assert logs.text == ""


async def test_a_path_cannot_forge_a_line(logs: CapturedLogs) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    await call(app, path='/x\n{"level": "critical"}' + "y" * 5000)
    (line,) = logs.events
    assert line["level"] == "info"
    assert len(line["path"]) == 512
