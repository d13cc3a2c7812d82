"""A service that Railway tells of its deployments, and that reads them itself."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.migrating import connected
from tests.support.processes import eventually
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.simulator import Simulator, running
from tests.support.service import served_service, until

SECRET = "a-secret-of-railway-s-hooks"
SCALE = 0.001
DEPLOYED, REMOVED = "Deployment.deployed", "Deployment.removed"

Rows = Mapping[tuple[str, str], Mapping[str, Any]]


@asynccontextmanager
async def told(
    folder: Path, database_url: str, ground: InstantGround
) -> AsyncIterator[Simulator]:
    """Railway, and a service that it tells of everything."""
    async with running(ground, scale=SCALE) as railway:
        given = variables_for(railway, folder) | {
            "DATABASE_URL": database_url,
            "PM33_PLATFORM": "railway",
            "PM33_RAILWAY_ENVIRONMENT": "production",
            "PM33_RAILWAY_HOOK_SECRET": SECRET,
        }
        async with served_service(folder, **given) as service:
            path = f"http://127.0.0.1:{service.port}/api/hooks/railway/{SECRET}"
            railway.webhooks.addresses.append(path)
            yield railway


@pytest.mark.full
async def test_what_is_kept_is_what_railway_says_when_it_is_asked(
    tmp_path: Path, database_url: str
) -> None:
    ground = InstantGround()
    async with told(tmp_path, database_url, ground) as railway:
        token = railway.token(TokenKind.PROJECT)
        twice = railway.faults.add(Fault.WEBHOOKS_TWICE, times=None)
        record = await railway.deploys("a" * 40)
        ground.behave("b" * 40, builds=False)
        failed = await railway.deploys("b" * 40)
        assert railway.status(failed) is Status.FAILED

        found = read(await settled(database_url, 5))
        assert found[(DEPLOYED, record.id)]["status"] == "SUCCESS"
        assert found[("Deployment.failed", failed.id)]["status"] == "FAILED"
        # Of what is on its way nobody is asked, and each is taken once.
        assert len(found) == 2
        await eventually(lambda: len(railway.webhooks.sent) == 10)
        assert twice.hits == 5
    output = (tmp_path / "output").read_text()
    assert SECRET not in output
    assert token not in output


@pytest.mark.full
async def test_what_comes_late_and_twice_is_told_as_it_is_by_then(
    tmp_path: Path, database_url: str
) -> None:
    old, new = "a" * 40, "b" * 40
    async with told(tmp_path, database_url, InstantGround()) as railway:
        twice = railway.faults.add(Fault.WEBHOOKS_TWICE, times=None)
        late = railway.faults.add(
            Fault.WEBHOOKS_LATE, operation=DEPLOYED, commit=old, seconds=3 / SCALE
        )
        first = await railway.deploys(old)
        second = await railway.deploys(new)
        await railway.reaches(first, Status.REMOVED)

        rows = await settled(database_url, 7)
        await eventually(lambda: len(railway.webhooks.sent) == 14)
        assert (late.hits, twice.hits) == (1, 7)

    success, removal = rows[(DEPLOYED, first.id)], rows[(REMOVED, first.id)]
    assert success["sent_at"] < removal["sent_at"]
    assert success["received_at"] > removal["received_at"]
    found = read(rows)
    assert {key: (one["status"], one["active"]) for key, one in found.items()} == {
        # Its webhook says SUCCESS: that was so once, and nobody is told so now.
        (DEPLOYED, first.id): ("REMOVED", False),
        (REMOVED, first.id): ("REMOVED", False),
        (DEPLOYED, second.id): ("SUCCESS", True),
    }
    logged = map(json.loads, (tmp_path / "output").read_text().splitlines())
    last = [line for line in logged if line.get("id") == first.id][-1]
    assert (last["hook"], last["status"]) == (DEPLOYED, "REMOVED")


async def settled(database_url: str, count: int) -> Rows:
    """All of them, once nobody is being asked about any of them."""

    async def over() -> Rows | None:
        found = await _rows(database_url)
        taken = any(one["state"] == "taken" for one in found.values())
        return found if len(found) == count and not taken else None

    return await until(over)


def read(rows: Rows) -> Rows:
    """What Railway has said where it was asked."""
    return {
        key: json.loads(one["found"])
        for key, one in rows.items()
        if one["state"] == "read"
    }


async def _rows(url: str) -> Rows:
    async with connected(url) as connection:
        found = await connection.fetch("select * from ops.hook_event")
    return {(row["type"], row["deployment"]): dict(row) for row in found}
