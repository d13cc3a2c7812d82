"""What a webhook is believed, what it makes us ask, and who may send one."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typing_extensions import override

from app.backend.api.hook_reading import MOST_WAITING, HookReader
from app.backend.api.hooks import MOST_BYTES, HookBodyError, event_of, hooks_router
from app.backend.api.problems import PROBLEM_TYPE, add_handlers
from app.backend.config.environment import read_config
from app.backend.deploy.platforms.base import Deployment, Platform
from app.backend.monitoring.redaction import Redactor
from app.backend.operations.hook_events import HookEvent
from app.errors import PlatformUnreachableError
from tests.support.captured_logs import captured_logs
from tests.support.health import Answer, call, until
from tests.support.memory_platform import MemoryPlatform

SECRET = "a-secret-of-railway-s-hooks"
SET = {"PM33_RAILWAY_HOOK_SECRET": SECRET, "RAILWAY_TOKEN": "a-token-of-tests"}
MOMENT = datetime(2026, 11, 23, 8, tzinfo=UTC)
AT = "2026-11-23T08:00:00.123456789Z"
CRASHED: Mapping[str, Any] = {
    "type": "Deployment.crashed",
    "details": {"id": "d-1", "status": "SUCCESS"},
    "resource": {"deployment": {"id": "d-1"}},
    "severity": "CRITICAL",
    "timestamp": AT,
}


class CountingPlatform(MemoryPlatform):
    """Remembers whom it was asked about, and may be away."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[str] = []
        self.closed = 0

    @override
    async def deployment(self, deployment: str) -> Deployment:
        self.asked.append(deployment)
        return await super().deployment(deployment)

    @override
    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def platform(tmp_path: Path) -> CountingPlatform:
    found = CountingPlatform(tmp_path / "platform.json")
    await found.deploy("c" * 40, tag="run-1", epoch=1)
    return found


def reader_of(platform: Platform) -> HookReader:
    return HookReader(None, opening(platform), Redactor([]))


def opening(platform: Platform) -> Callable[[], Awaitable[Platform]]:
    async def opened() -> Platform:
        return platform

    return opened


def application(reader: HookReader, **environ: str) -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    add_handlers(app)
    app.include_router(hooks_router(read_config(environ), reader))
    return app


async def post(
    app: FastAPI, body: bytes | Mapping[str, Any] = CRASHED, secret: str = SECRET
) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await call(app, f"/api/hooks/railway/{secret}", "POST", body=sent)


async def test_only_what_identifies_an_event_is_read_of_its_body() -> None:
    event = event_of(json.dumps(CRASHED).encode())
    at = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)
    assert event == HookEvent("Deployment.crashed", "d-1", at)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 50_000,
        b"[]",
        b'"Deployment.crashed"',
        json.dumps({**CRASHED, "type": 3}).encode(),
        json.dumps({**CRASHED, "type": "a b"}).encode(),
        json.dumps({**CRASHED, "timestamp": None}).encode(),
        json.dumps({**CRASHED, "timestamp": "yesterday"}).encode(),
        json.dumps({**CRASHED, "timestamp": "0001-01-01T00:00+14:00"}).encode(),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(HookBodyError):
        event_of(body)


@pytest.mark.parametrize("named", [None, 3, "", "a/b", "x" * 65])
def test_an_id_that_cannot_be_one_is_none(named: object) -> None:
    told = {**CRASHED, "details": None, "resource": {"deployment": {"id": named}}}
    assert event_of(json.dumps(told).encode()).deployment == ""


@pytest.mark.parametrize(
    "lacking",
    [
        {"PM33_RAILWAY_HOOK_SECRET": ""},
        {"PM33_RAILWAY_HOOK_SECRET": "  "},
        {"RAILWAY_TOKEN": ""},
    ],
)
async def test_without_a_secret_or_a_token_there_is_no_such_route(
    platform: CountingPlatform, lacking: dict[str, str]
) -> None:
    app = application(reader_of(platform), **(SET | lacking))
    assert (await post(app)).status == 404


async def test_a_wrong_secret_is_answered_as_a_path_that_is_not_there(
    platform: CountingPlatform,
) -> None:
    app = application(reader_of(platform), **SET)
    wrong = await post(app, secret=f"{SECRET}x")
    nowhere = await call(app, "/api/hooks/else", "POST", body=b"")
    assert (wrong.status, wrong.body) == (nowhere.status, nowhere.body)
    assert platform.asked == []


async def test_a_hook_is_answered_at_once_and_the_platform_is_asked_beside_it(
    platform: CountingPlatform,
) -> None:
    (deployment,) = await platform.deployments()
    reader = reader_of(platform)
    told = {**CRASHED, "resource": {"deployment": {"id": deployment.id}}}
    with captured_logs({"ENVIRONMENT": "production"}) as logs:
        answer = await post(application(reader, **SET), told)
        assert (answer.status, answer.body) == (204, b"")
        await until(lambda: platform.asked)
        await reader.close()
    assert platform.asked == [deployment.id]
    (line,) = [one for one in logs.events if one["logger"] == "pm33.hooks"]
    # What the hook says is not what is told: the platform knows better.
    assert line["hook"] == "Deployment.crashed"
    assert line["status"] != "CRASHED"


async def test_one_delivered_twice_is_read_once_and_many_are_read_together(
    platform: CountingPlatform,
) -> None:
    reader = reader_of(platform)
    event = event_of(json.dumps(CRASHED).encode())
    later = HookEvent("Deployment.removed", "d-1", event.sent_at)
    for one in (event, event, later):
        assert reader.take(one)
    await until(lambda: platform.asked)
    assert reader.take(event)
    await asyncio.sleep(0)
    await reader.close()
    assert platform.asked == ["d-1"]
    assert platform.closed == 1


@pytest.mark.parametrize(
    ("kind", "deployment"),
    [("Deployment.building", "d-1"), ("VolumeAlert.triggered", ""), ("Monitor", "")],
)
async def test_what_is_under_way_or_about_no_deployment_asks_nobody(
    platform: CountingPlatform, kind: str, deployment: str
) -> None:
    reader = reader_of(platform)
    assert reader.take(HookEvent(kind, deployment, datetime.now(UTC)))
    await asyncio.sleep(0.01)
    await reader.close()
    assert platform.asked == []


async def test_a_platform_that_is_away_stops_nothing(
    platform: CountingPlatform,
) -> None:
    platform.be_away()
    reader = reader_of(platform)
    with captured_logs({"ENVIRONMENT": "production"}) as logs:
        for deployment in ("d-1", "d-2"):
            assert reader.take(HookEvent("Deployment.failed", deployment, MOMENT))
            await until(partial(platform.asked.__contains__, deployment))
        await reader.close()
    told = [one for one in logs.events if one["logger"] == "pm33.hooks"]
    assert [one["level"] for one in told] == ["warning", "warning"]


async def test_a_flood_is_refused_and_may_come_again(
    platform: CountingPlatform,
) -> None:
    held = asyncio.Event()

    async def never() -> Platform:
        await held.wait()
        raise PlatformUnreachableError("away")

    reader = HookReader(None, never, Redactor([]))
    app = application(reader, **SET)
    assert (await post(app)).status == 204
    await asyncio.sleep(0.01)
    for number in range(MOST_WAITING):
        at = datetime(2026, 11, 23, microsecond=number, tzinfo=UTC)
        assert reader.take(HookEvent("Deployment.failed", "d-1", at))
    refused = await post(app, {**CRASHED, "timestamp": "2026-11-23T09:00:00Z"})
    assert (refused.status, refused.headers["retry-after"]) == (503, "30")
    await reader.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 422), (b"x" * (MOST_BYTES + 1), 413), (b" " * MOST_BYTES, 422)],
)
async def test_a_body_that_is_none_is_told_so_without_being_repeated(
    platform: CountingPlatform, body: bytes, status: int
) -> None:
    app = application(reader_of(platform), **SET)
    answer = await post(app, body)
    assert answer.status == status
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert b"xxx" not in answer.body


@pytest.mark.parametrize("secret", ["YWJj/ZGVm+Z2hp==", "/at-its-edges/"])
async def test_a_secret_may_hold_slashes(
    platform: CountingPlatform, secret: str
) -> None:
    given = SET | {"PM33_RAILWAY_HOOK_SECRET": secret}
    reader = reader_of(platform)
    app = application(reader, **given)
    assert (await post(app, secret=secret)).status == 204
    assert (await post(app, secret=f"{secret}/more")).status == 404
    await reader.close()
