"""Who may report, for what, and how each refusal says what to do."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.backend.api.heartbeats import heartbeats_router
from app.backend.api.problems import PROBLEM_TYPE, add_handlers
from app.errors import HeartbeatError
from tests.support.health import Answer, call

TOKEN = "a-token-for-jobs"
PATH = "/api/health/heartbeats/nightly"
BEATEN = datetime(2026, 11, 23, 2, tzinfo=UTC)
BEARER = [(b"authorization", b"Bearer " + TOKEN.encode())]


class Job:
    """Takes every beat, or none."""

    every = 86_400.0
    grace = 900.0

    def __init__(self, error: HeartbeatError | None = None) -> None:
        self.senders: list[str] = []
        self._error = error

    async def beat(self, sender: str) -> datetime:
        if self._error is not None:
            raise self._error
        self.senders.append(sender)
        return BEATEN


def application(job: Job, token: str | None = TOKEN) -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    add_handlers(app)
    secret = SecretStr(token) if token is not None else None
    app.include_router(heartbeats_router({"nightly": job}, secret))
    return app


async def post(app: FastAPI, path: str = PATH, **options: Any) -> Answer:
    return await call(app, path, "POST", **({"headers": BEARER} | options))


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
async def test_a_beat_is_answered_with_when_the_next_one_is_due(path: str) -> None:
    job = Job()
    answer = await post(application(job), path, query=b"sender=db-1")

    assert answer.status == 200
    assert json.loads(answer.body) == {
        "name": "nightly",
        "beaten_at": "2026-11-23T02:00:00+00:00",
        "next_expected_at": "2026-11-24T02:00:00+00:00",
        "overdue_at": "2026-11-24T02:15:00+00:00",
    }
    assert job.senders == ["db-1"]


async def test_a_long_sender_is_cut() -> None:
    job = Job()
    await post(application(job), query=b"sender=" + b"x" * 5000)

    assert job.senders == ["x" * 200]


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], "Bearer"),
        ([(b"authorization", b"Bearer wrong")], 'Bearer error="invalid_token"'),
        ([(b"authorization", b"Basic " + TOKEN.encode())], "Bearer error"),
        ([(b"authorization", b"Bearer ")], "Bearer error"),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/api/health/heartbeats/nobody"])
async def test_without_the_token_nothing_is_told(
    path: str, headers: list[tuple[bytes, bytes]], challenge: str
) -> None:
    job = Job()
    answer = await post(application(job), path, headers=headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith(challenge)
    assert json.loads(answer.body)["remedy"]
    assert job.senders == []


async def test_an_unknown_job_is_a_problem_that_says_how_to_declare_it() -> None:
    answer = await post(application(Job()), "/api/health/heartbeats/nobody")

    assert answer.status == 404
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert "HEALTH_CHECKS_FILE" in json.loads(answer.body)["remedy"]


async def test_a_beat_that_cannot_be_stored_may_be_repeated() -> None:
    error = HeartbeatError("it could not be stored", remedy="repeat it")
    answer = await post(application(Job(error)))

    assert answer.status == 503
    body = json.loads(answer.body)
    assert (body["title"], body["remedy"]) == ("Heartbeat not stored", "repeat it")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_a_post_is_a_beat(method: str) -> None:
    job = Job()
    answer = await call(application(job), PATH, method, headers=BEARER)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert job.senders == []


@pytest.mark.parametrize("token", [None, "", " \n"])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_without_a_token_set_there_is_nothing(
    token: str | None, method: str
) -> None:
    answer = await call(application(Job(), token), PATH, method, headers=BEARER)

    assert answer.status == 404
