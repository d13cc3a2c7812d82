import json
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException

from app.backend.api.problems import PROBLEM_TYPE, add_handlers, problem
from app.errors import CheckFailedError, ConfigError, OpsError
from tests.support.health import Answer, call


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_handlers(app)
    return app


def body(answer: Answer) -> dict[str, Any]:
    """Every problem is typed, uncached, and agrees with its own status line."""
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = json.loads(answer.body)
    assert document["status"] == answer.status
    assert document["type"] == "about:blank"
    assert document["title"]
    return document


async def test_a_path_that_is_not_there_is_a_problem(app: FastAPI) -> None:
    answer = await call(app, "/nowhere")

    assert answer.status == 404
    assert body(answer)["title"] == "Not Found"


async def test_a_method_that_is_not_allowed_says_which_are(app: FastAPI) -> None:
    app.add_api_route("/thing", lambda: None, methods=["GET"])
    answer = await call(app, "/thing", "POST")

    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
    body(answer)


async def test_an_http_error_keeps_its_detail_and_its_headers(app: FastAPI) -> None:
    def refuse() -> None:
        raise HTTPException(401, "who are you?", {"www-authenticate": "Bearer"})

    app.add_api_route("/secret", refuse)
    answer = await call(app, "/secret")

    assert answer.headers["www-authenticate"] == "Bearer"
    assert body(answer)["detail"] == "who are you?"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (OpsError("broken", remedy="mend it"), 500, "Operation failed"),
        (ConfigError("broken", remedy="mend it"), 500, "Configuration unusable"),
        (CheckFailedError("broken", remedy="mend it"), 503, "Check failed"),
    ],
)
async def test_an_error_of_ours_says_what_to_do(
    error: OpsError, status: int, title: str, app: FastAPI
) -> None:
    def fail() -> None:
        raise error

    app.add_api_route("/fails", fail)
    answer = await call(app, "/fails")

    assert answer.status == status
    document = body(answer)
    assert (document["title"], document["detail"]) == (title, "broken")
    assert document["remedy"] == "mend it"


async def test_a_refused_value_is_located_but_never_repeated(app: FastAPI) -> None:
    def count(limit: Annotated[int, Query(le=9)], flag: bool) -> None:  # noqa: FBT001 - a query
        del limit, flag

    app.add_api_route("/count", count)
    answer = await call(app, "/count", query=b"limit=canary-1&flag=canary-2")

    assert answer.status == 422
    assert body(answer)["remedy"]
    errors = body(answer)["errors"]
    assert [one["at"] for one in errors] == ["query.limit", "query.flag"]
    assert all(one["message"] for one in errors)
    assert b"canary" not in answer.body


async def test_a_body_that_is_no_json_is_told_so_in_words(app: FastAPI) -> None:
    def take(thing: dict[str, int]) -> None:
        del thing

    app.add_api_route("/take", take, methods=["POST"])
    way = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=way, base_url="http://test") as client:
        headers = {"content-type": "application/json"}
        answer = await client.post("/take", content='{"canary": ,}', headers=headers)

    document = answer.json()
    assert answer.status_code == 422
    assert document["detail"].startswith("the body is no JSON: Expecting value, at")
    assert document["remedy"] == "send one JSON object"
    assert "errors" not in document
    assert "canary" not in answer.text


def test_a_remedy_is_left_out_where_there_is_none() -> None:
    assert "remedy" not in json.loads(bytes(problem(404, "nothing here").body))


def test_members_and_headers_are_added() -> None:
    made = problem(409, "taken", title="Clash", headers={"retry-after": "3"}, holder=7)

    document = json.loads(bytes(made.body))
    assert (document["title"], document["holder"]) == ("Clash", 7)
    assert made.headers["retry-after"] == "3"
    assert made.headers["cache-control"] == "no-store"
