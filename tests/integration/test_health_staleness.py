import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.extra_checks import Controls
from tests.support.service import Service, served_service, until

RESTARTS = 'pm33_background_restarts_total{release="c0ffee",replica="r-1",work="%s"}'
QUICK = {
    "HEALTH_SUBJECT_PERIOD": 0.5,
    "HEALTH_SUBJECT_TIMEOUT": 2,
    "PM33_REPLICA_ID": "r-1",
}


@pytest.fixture
def controls(tmp_path: Path) -> Controls:
    return Controls(tmp_path)


async def restarts(service: Service, work: str) -> float:
    """How often it was started again, as ``/metrics`` says."""
    text = (await service.get("/metrics")).text
    counters = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    return float(counters[RESTARTS % work])


async def test_a_refresher_that_is_killed_is_started_again_and_counted(
    tmp_path: Path, controls: Controls
) -> None:
    extra = controls.variables("subject", "killer")
    async with served_service(tmp_path, **QUICK, **extra) as service:
        await service.check_becomes("subject", status="healthy")
        assert await restarts(service, "health:subject") == 0

        controls.order("killer", "kill-once subject")

        async def counted() -> bool:
            return await restarts(service, "health:subject") == 1

        await until(counted)
        ended = await service.child.event(work="health:subject", restarts=1)
        assert ended["level"] == "error"
        # It refreshes again, and its death was no result of the check.
        await service.samples("subject", 3)
        assert (await service.check("subject"))["status"] == "healthy"
        report = await service.json("/api/health/detailed")
        assert report["restarts"] == {"health:subject": 1}


async def test_a_check_whose_refresher_is_killed_again_and_again_turns_unknown(
    tmp_path: Path, controls: Controls
) -> None:
    extra = controls.variables("subject", "killer")
    async with served_service(
        tmp_path, **QUICK, **extra, HEALTH_SUBJECT_CRITICAL="true"
    ) as service:
        await service.check_becomes("subject", status="healthy")
        # It never gets so far as to report anything.
        controls.order("subject", "stubborn")
        controls.order("killer", "kill subject")

        last = await service.check("subject")
        while (now := await service.check("subject"))["status"] == "healthy":
            last = now
            await asyncio.sleep(0.05)
        report = await service.get("/api/health/detailed")
        controls.order("killer", "healthy")
        controls.order("subject", "healthy")
        await service.check_becomes("subject", status="healthy")

    checked_at = datetime.fromisoformat(last["checked_at"])
    valid_until = datetime.fromisoformat(last["valid_until"])
    # Three periods of 0.5 s, and the 2 s that an attempt may take.
    assert (valid_until - checked_at).total_seconds() == pytest.approx(3.5, abs=0.01)
    assert (now["status"], now["checked_at"]) == ("unknown", last["checked_at"])
    assert now["failure"] is None
    assert now["remedy"]
    assert (report.status_code, report.json()["status"]) == (503, "unknown")
