"""Railway's webhooks at a running service, and what is kept of them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.backend.database.connection import ReservedConnection
from app.backend.operations.hook_events import HookEvent, HookEventStore, HookState
from app.errors import JournalError
from tests.support.migrating import connected, target_of
from tests.support.service import Service, served_service, until

SECRET = "a-secret-of-railway-s-hooks"
FORMER = "the-secret-before-the-last-rotation"
TOKEN = "a-token-of-railway-for-tests"
PATH = f"/api/hooks/railway/{SECRET}"
EVENT = HookEvent("Deployment.crashed", "d-1", datetime(2026, 11, 23, tzinfo=UTC))
BODY = {
    "type": EVENT.type,
    "resource": {"deployment": {"id": EVENT.deployment}},
    "timestamp": "2026-11-23T00:00:00Z",
}


def reserved(url: str) -> ReservedConnection:
    return ReservedConnection(target_of(url), name="test", connect_timeout=5)


@pytest.fixture
async def stores(
    database_url: str,
) -> AsyncIterator[tuple[HookEventStore, HookEventStore]]:
    """Two replicas'."""
    connections = reserved(database_url), reserved(database_url)
    first, second = map(HookEventStore, connections)
    yield first, second
    for connection in connections:
        await connection.close()


async def rows(url: str) -> list[dict[str, Any]]:
    async with connected(url) as connection:
        found = await connection.fetch("select * from ops.hook_event")
    return [dict(row) for row in found]


async def test_of_two_replicas_one_takes_an_event(
    stores: tuple[HookEventStore, HookEventStore], database_url: str
) -> None:
    first, second = stores
    assert await first.take(EVENT)
    assert not await second.take(EVENT)
    later = HookEvent("Deployment.removed", EVENT.deployment, EVENT.sent_at)
    assert await second.take(later)

    await second.settle(EVENT, HookState.READ, {"status": "CRASHED", "reason": "\x00"})
    states = {row["type"]: row["state"] for row in await rows(database_url)}
    assert states == {EVENT.type: "read", later.type: "taken"}


async def test_old_events_go_when_new_ones_come(
    stores: tuple[HookEventStore, HookEventStore], database_url: str
) -> None:
    store, _ = stores
    await store.take(EVENT)
    async with connected(database_url) as connection:
        await connection.execute(
            "update ops.hook_event set received_at = now() - interval '31 days'"
        )
    await store.take(HookEvent("Deployment.failed", "d-2", EVENT.sent_at))
    assert [row["deployment"] for row in await rows(database_url)] == ["d-2"]


async def test_a_database_without_the_table_says_so(database_url: str) -> None:
    async with connected(database_url) as connection:
        await connection.execute("drop table ops.hook_event")
    own = reserved(database_url)
    with pytest.raises(JournalError, match="not there yet"):
        await HookEventStore(own).take(EVENT)
    await own.close()


async def post(service: Service, path: str = PATH, **options: Any) -> int:
    answer = await service.http.post(path, **({"json": BODY} | options))
    return answer.status_code


async def test_a_service_takes_hooks_and_nobody_learns_the_secret(
    tmp_path: Path, database_url: str
) -> None:
    given = {
        "DATABASE_URL": database_url,
        "PM33_LOG_LEVEL": "DEBUG",
        "PM33_PLATFORM": "local",
        "PM33_RAILWAY_HOOK_SECRET": SECRET,
        "RAILWAY_TOKEN": TOKEN,
    }
    async with served_service(tmp_path, **given) as service:
        assert await post(service, f"/api/hooks/railway/{FORMER}") == 404
        assert await post(service, content=b"no", json=None) == 422
        assert await post(service) == 204
        assert await post(service) == 204

        async def settled() -> list[dict[str, Any]]:
            return [one for one in await rows(database_url) if one["found"]]

        (row,) = await until(settled)
        # Nothing is deployed here, so that there is nobody who could be asked.
        assert (row["state"], row["deployment"]) == ("failed", "d-1")
        assert "error" in json.loads(row["found"])
        metrics = (await service.get("/metrics")).text
    output = (tmp_path / "output").read_text()
    assert "was asked" in output
    for secret in (SECRET, FORMER, TOKEN):
        assert secret not in output
        assert secret not in metrics


@pytest.mark.full
async def test_without_a_token_of_the_platform_there_are_no_hooks(
    tmp_path: Path, database_url: str
) -> None:
    given = {"DATABASE_URL": database_url, "PM33_RAILWAY_HOOK_SECRET": SECRET}
    async with served_service(tmp_path, **given) as service:
        assert await post(service) == 404
    assert await rows(database_url) == []
