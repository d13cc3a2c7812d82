"""A service that Railway tells of its deployments, and that reads them itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.migrating import connected
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.simulator import running
from tests.support.service import served_service, until

SECRET = "a-secret-of-railway-s-hooks"


@pytest.mark.full
async def test_what_is_kept_is_what_railway_says_when_it_is_asked(
    tmp_path: Path, database_url: str
) -> None:
    ground = InstantGround()
    async with running(ground, scale=0.001) as railway:
        token = railway.token(TokenKind.PROJECT)
        given = variables_for(railway, tmp_path) | {
            "DATABASE_URL": database_url,
            "PM33_PLATFORM": "railway",
            "PM33_RAILWAY_ENVIRONMENT": "production",
            "PM33_RAILWAY_HOOK_SECRET": SECRET,
        }
        async with served_service(tmp_path, **given) as service:
            path = f"http://127.0.0.1:{service.port}/api/hooks/railway/{SECRET}"
            railway.webhooks.addresses.append(path)
            railway.faults.add(Fault.WEBHOOKS_TWICE, times=None)
            record = await railway.deploys("a" * 40)
            ground.behave("b" * 40, builds=False)
            failed = await railway.deploys("b" * 40)
            assert railway.status(failed) is Status.FAILED

            async def settled() -> dict[tuple[str, str], Any] | None:
                found = await _rows(database_url)
                return found if len(found) == 5 and all_over(found) else None

            rows = await until(settled)
        told = {key: found for key, (state, found) in rows.items() if state == "read"}
        assert told[("Deployment.deployed", record.id)]["status"] == "SUCCESS"
        assert told[("Deployment.failed", failed.id)]["status"] == "FAILED"
        # Of what is on its way nobody is asked, and each is taken once.
        assert len(told) == 2
        assert len(railway.webhooks.sent) == 10
    output = (tmp_path / "output").read_text()
    assert SECRET not in output
    assert token not in output


def all_over(rows: dict[tuple[str, str], Any]) -> bool:
    return all(state != "taken" for state, _ in rows.values())


async def _rows(url: str) -> dict[tuple[str, str], Any]:
    async with connected(url) as connection:
        found = await connection.fetch("select * from ops.hook_event")
    return {
        (row["type"], row["deployment"]): (
            row["state"],
            json.loads(row["found"]) if row["found"] else None,
        )
        for row in found
    }
