import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.extra_checks import Controls
from tests.support.service import Service, pm33, served_service, until

# The machine's own state is not looked at: it would show in the report.
QUICK = {
    "HEALTH_SYSTEM_ENABLED": "false",
    "HEALTH_SUBJECT_CRITICAL": "true",
    "HEALTH_SUBJECT_PERIOD": 0.2,
    "PM33_OVERRIDE_POLL": 0.2,
    "PM33_REPLICA_HEARTBEAT": 0.2,
    "PM33_REPLICA_ID": "r-1",
    "PM33_DEPLOYMENT_ID": "d-1",
}


@pytest.fixture
def controls(tmp_path: Path) -> Controls:
    return Controls(tmp_path)


async def override(url: str, *arguments: str) -> str:
    """Runs ``pm33 health override``; returns what it said."""
    done = await pm33("health", "override", *arguments, DATABASE_URL=url)
    assert done.code == 0, done.err
    return done.out


async def added(url: str, *arguments: str) -> str:
    """Adds an override; returns its number."""
    said = await override(url, "add", *arguments, "--reason", "a test")
    return said.split()[1]


async def fetch(url: str, query: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return [dict(row) for row in await connection.fetch(query, timeout=30)]
    finally:
        await connection.close(timeout=30)


async def test_maintenance_counts_failures_as_degraded_until_it_is_ended(
    tmp_path: Path, controls: Controls, database_url: str
) -> None:
    controls.order("subject", "raise")
    extra = controls.variables("subject")
    async with served_service(
        tmp_path, **QUICK, **extra, DATABASE_URL=database_url
    ) as service:
        await service.answers("/api/health/detailed", 503)

        number = await added(database_url, "maintenance", "--for", "1h")
        during = await service.answers("/api/health/detailed", 200)
        await override(database_url, "end", number)
        after = await service.answers("/api/health/detailed", 503)

    assert during["status"] == "degraded"
    assert during["maintenance_until"] == during["overrides"][0]["until"]
    assert during["overrides"][0]["reason"] == "a test"
    assert "maintenance_until" not in after


@pytest.mark.full
async def test_a_muted_check_does_not_count_and_still_tells(
    tmp_path: Path, controls: Controls, database_url: str
) -> None:
    controls.order("subject", "raise")
    extra = controls.variables("subject")
    async with served_service(
        tmp_path, **QUICK, **extra, DATABASE_URL=database_url
    ) as service:
        await service.answers("/api/health/detailed", 503)

        await added(database_url, "mute", "--check", "subject", "--for", "1h")

        body = await service.answers("/api/health/detailed", 200)
        assert body["status"] == "healthy"
        assert body["checks"]["subject"]["muted"] is True
        assert body["checks"]["subject"]["status"] == "unhealthy"


async def test_not_ready_takes_the_replica_out_and_ends_by_itself(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        await service.answers("/api/health/ready", 200)

        await added(database_url, "not_ready", "--for", "4s")

        await service.answers("/api/health/ready", 503)
        # Health and liveness are another matter.
        assert (await service.get("/api/health")).status_code == 200
        assert (await service.get("/api/health/live")).status_code == 200
        await service.answers("/api/health/ready", 200)
        assert json.loads(await override(database_url, "list", "--json")) == []


@pytest.mark.full
@pytest.mark.parametrize(
    "arguments", [("maintenance",), ("mute", "--check", "subject")]
)
async def test_every_kind_ends_by_itself_also_with_the_database_gone(
    tmp_path: Path, controls: Controls, database_url: str, arguments: tuple[str, ...]
) -> None:
    controls.order("subject", "raise")
    extra = controls.variables("subject")
    async with served_service(
        tmp_path, **QUICK, **extra, DATABASE_URL=database_url
    ) as service:
        await service.answers("/api/health/detailed", 503)
        await added(database_url, *arguments, "--for", "4s")
        await service.answers("/api/health/detailed", 200)
        name = database_url.rpartition("/")[2]
        await fetch(database_url, f"ALTER DATABASE {name} CONNECTION LIMIT 0")

        body = await service.answers("/api/health/detailed", 503)

        assert body["overrides"] == []


async def test_an_override_is_for_the_replica_and_the_release_that_it_names(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        await added(database_url, "not_ready", "--replica", "r-2", "--for", "1h")
        mute = ("mute", "--check", "cache", "--release", "c0ffee", "--for", "1h")
        await added(database_url, *mute)

        # Both are read at once, so the other one has been read when this one has.
        async def muted() -> bool:
            return bool((await service.check("cache"))["muted"])

        await until(muted)
        assert (await service.get("/api/health/ready")).status_code == 200
        body = await service.json("/api/health/detailed")
        assert [one["kind"] for one in body["overrides"]] == ["mute"]


@pytest.mark.full
async def test_the_list_shows_what_is_in_force_until_it_is_ended(
    database_url: str,
) -> None:
    number = await added(database_url, "maintenance", "--for", "30m")

    (listed,) = json.loads(await override(database_url, "list", "--json"))
    await override(database_url, "end", number)
    again = await pm33("health", "override", "end", number, DATABASE_URL=database_url)

    assert (str(listed["id"]), listed["kind"]) == (number, "maintenance")
    assert listed["reason"] == "a test"
    assert json.loads(await override(database_url, "list", "--json")) == []
    assert again.code == 1
    assert "override list" in again.err


async def test_a_replica_is_listed_while_it_lives_and_gone_when_it_stopped(
    tmp_path: Path, database_url: str
) -> None:
    async def replicas() -> list[dict[str, Any]]:
        return await fetch(database_url, "select * from ops.replica")

    async with served_service(tmp_path, **QUICK, DATABASE_URL=database_url) as service:
        (row,) = await until(replicas)

        async def seen_again() -> bool:
            (later,) = await replicas()
            return bool(later["seen_at"] > row["seen_at"])

        await until(seen_again)
        service.child.stop()

        assert await service.child.exit_code() == 0
    assert (row["replica"], row["deployment"], row["release"]) == (
        "r-1",
        "d-1",
        "c0ffee",
    )
    assert row["needed_head"]
    assert await replicas() == []


async def test_transitions_are_stored_as_the_history_tells_them(
    tmp_path: Path, controls: Controls, database_url: str
) -> None:
    async def stored(service: Service) -> list[tuple[str, str, str | None]]:
        rows = await fetch(
            database_url,
            "select * from ops.check_transition"
            " where check_name = 'subject' order by id",
        )
        assert {row["replica"] for row in rows} <= {"r-1"}
        return [(row["before"], row["after"], row["failure"]) for row in rows]

    extra = controls.variables("subject")
    async with served_service(
        tmp_path, **QUICK, **extra, DATABASE_URL=database_url
    ) as service:
        await service.check_becomes("subject", status="healthy")
        controls.order("subject", "raise")
        await service.check_becomes("subject", status="unhealthy")

        history = await service.json("/api/health/history?check=subject")

        async def both() -> bool:
            return len(await stored(service)) == 2

        await until(both)
        told = [(t["from"], t["to"], t["failure"]) for t in history["transitions"]]
        assert await stored(service) == told[::-1]
        assert told == [
            ("healthy", "unhealthy", "internal"),
            ("unknown", "healthy", None),
        ]


@pytest.mark.full
async def test_what_was_not_yet_stored_is_stored_at_the_stop(
    tmp_path: Path, controls: Controls, database_url: str
) -> None:
    extra = controls.variables("subject")
    async with served_service(
        tmp_path, **QUICK, **extra, DATABASE_URL=database_url
    ) as service:
        await service.check_becomes("subject", status="healthy")
        controls.order("subject", "raise")
        await service.check_becomes("subject", status="unhealthy")
        service.child.stop()

    rows = await fetch(
        database_url,
        "select after from ops.check_transition where check_name = 'subject'"
        " order by id",
    )
    assert [row["after"] for row in rows] == ["healthy", "unhealthy"]
