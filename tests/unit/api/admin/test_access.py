import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from app.backend.api.admin import Operations, admin_router
from app.backend.api.admin.access import AdminGate, call_of
from app.backend.api.edge import App, Receive, Scope, Send
from app.backend.api.problems import PROBLEM_TYPE, add_handlers
from app.backend.api.tokens import TokenCheck
from app.backend.config.environment import read_config
from app.backend.main import OpsApplication
from app.backend.monitoring.redaction import Redactor
from tests.support.captured_logs import CapturedLogs, captured_logs
from tests.support.health import Answer, call

TOKEN = "an-admins-token"
PATHS = ("/api/admin", "/api/admin/", "/api/admin/things/7", "/api/admin/nothing")
BAD = ["wrong", f"{TOKEN}x", "", "a-scrapers-token"]


@pytest.fixture
def logs() -> Iterator[CapturedLogs]:
    with captured_logs({"ENVIRONMENT": "production"}) as captured:
        yield captured


def gated(token: str | None = TOKEN) -> App:
    app = FastAPI()
    add_handlers(app)

    @app.get("/api/admin/things/{number}", name="things.one")
    async def one(number: int) -> int:
        return number

    @app.post("/api/admin/things", name="things.make", status_code=202)
    async def make(request: Request) -> None:
        call_of(request).target = "thing 8"

    @app.get("/api/admin/broken", name="things.break")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/api/admin/root")
    async def root(request: Request) -> str:
        return call_of(request).root

    @app.get("/api/administrators")
    async def others() -> str:
        return "untouched"

    secret = SecretStr(token) if token is not None else None
    tokens = TokenCheck(secret, SecretStr("a-scrapers-token"), open_to_all=True)
    return AdminGate(app, tokens=tokens)


async def ask(
    app: App, path: str, method: str = "GET", token: str | None = TOKEN
) -> Answer:
    value = f"Bearer {token}".encode()
    headers = [] if token is None else [(b"authorization", value)]
    return await call(app, path, method, headers=headers)


def line(logs: CapturedLogs) -> dict[str, Any]:
    [event] = [one for one in logs.events if one["logger"] == "pm33.admin"]
    return event


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("configured", [None, "", " \n"])
async def test_without_a_token_set_there_is_nothing_whatever_is_sent(
    path: str, method: str, configured: str | None
) -> None:
    for token in (None, TOKEN, "", " "):
        answer = await ask(gated(configured), path, method, token)

        assert answer.status == 404
        assert answer.headers["content-type"] == PROBLEM_TYPE


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", BAD)
async def test_a_wrong_token_is_told_so_on_every_path(path: str, token: str) -> None:
    answer = await ask(gated(), path, "POST", token)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.headers["cache-control"] == "no-store"
    assert b"remedy" in answer.body


async def test_a_missing_token_is_asked_for() -> None:
    answer = await ask(gated(), "/api/admin/things/7", token=None)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_right_token_gets_through() -> None:
    answer = await ask(gated(), "/api/admin/things/7")

    assert (answer.status, answer.body) == (200, b"7")


async def test_other_paths_need_none() -> None:
    answer = await ask(gated(None), "/api/administrators", token=None)

    assert answer.status == 200


async def test_a_call_is_logged_with_its_actor_and_what_it_was_about(
    logs: CapturedLogs,
) -> None:
    await ask(gated(), "/api/admin/things/7")

    event = line(logs)
    assert event["level"] == "info"
    assert {name: event[name] for name in ("actor", "action", "target", "outcome")} == {
        "actor": "admin-token",
        "action": "things.one",
        "target": "7",
        "outcome": "done",
    }
    assert event["client"] == "127.0.0.1"


async def test_a_route_names_its_target_where_the_path_does_not(
    logs: CapturedLogs,
) -> None:
    await ask(gated(), "/api/admin/things", "POST")

    event = line(logs)
    assert (event["action"], event["target"]) == ("things.make", "thing 8")
    assert (event["outcome"], event["status"]) == ("accepted", 202)


@pytest.mark.parametrize("token", [None, *BAD])
async def test_a_refused_call_is_logged_without_the_token(
    token: str | None, logs: CapturedLogs
) -> None:
    await ask(gated(), "/api/admin/things/7", "DELETE", token)

    event = line(logs)
    assert (event["actor"], event["outcome"]) == ("anonymous", "refused")
    assert event["action"] == "DELETE /api/admin/things/7"
    assert event["level"] == "warning"
    assert repr(event["status"]) == "401"
    assert not token or token not in str(event)


async def test_a_call_that_breaks_is_logged_as_failed(logs: CapturedLogs) -> None:
    with pytest.raises(ZeroDivisionError):
        await ask(gated(), "/api/admin/broken")

    assert line(logs)["outcome"] == "failed"


@pytest.mark.parametrize("prefix", ["", "/ops", "/api/admin", "/a/b"])
@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "root path"])
@pytest.mark.parametrize("token", [None, *BAD])
async def test_below_a_prefix_the_token_is_asked_for_all_the_same(
    prefix: str, token: str | None, *, mounted: bool
) -> None:
    service = OpsApplication(read_config({"PM33_ADMIN_TOKEN": TOKEN}))

    async def rooted(scope: Scope, receive: Receive, send: Send) -> None:
        await service({**scope, "root_path": prefix}, receive, send)

    app = Starlette(routes=[Mount(prefix, service)]) if mounted else rooted
    for path in ("deployments", "nothing", "operations/op-1", "migrations/runs"):
        answer = await ask(app, f"{prefix}/api/admin/{path}", token=token)

        assert answer.status == 401


async def test_a_route_asks_for_the_token_itself_when_the_gate_was_passed_by() -> None:
    config = read_config({"PM33_ADMIN_TOKEN": TOKEN})
    app = FastAPI()
    add_handlers(app)
    app.include_router(admin_router(config, Operations(config, Redactor([]))))

    assert (await ask(app, "/api/admin/deployments", token=None)).status == 401


async def test_where_an_operation_is_found_is_said_below_the_prefix() -> None:
    app = Starlette(routes=[Mount("/ops", gated())])
    answer = await ask(app, "/ops/api/admin/root")

    assert json.loads(answer.body) == "/ops"
