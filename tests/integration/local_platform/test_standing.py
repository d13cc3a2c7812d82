"""What is told of the platform's own processes: in its status, and in its log."""

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.places import Places
from app.errors import PlatformUnreachableError
from tests.support.local_platform import (
    Repository,
    ask,
    deployed,
    running_platform,
)
from tests.support.service import until


async def replicas(platform: LocalPlatform, deployment: str) -> list[dict[str, Any]]:
    """What the status tells of the processes of one deployment."""
    status = await platform.status(look=True)
    (found,) = [one for one in status["deployments"] if one["id"] == deployment]
    told: list[dict[str, Any]] = found["replicas"]
    return told


async def test_a_replica_that_was_restarted_is_told_with_when_and_why(
    platform: LocalPlatform, repository: Repository, home: Path
) -> None:
    new = await deployed(platform, repository.commit("new"))
    before = await replicas(platform, new.id)
    assert [one["healthy"] for one in before] == [True, True]
    assert [one["restarts"] for one in before] == [0, 0]

    os.kill(before[1]["pid"], signal.SIGKILL)

    async def again() -> dict[str, Any] | None:
        one = (await replicas(platform, new.id))[1]
        return one if one["healthy"] and one["pid"] != before[1]["pid"] else None

    after = await until(again)
    assert (after["restarts"], after["ended"]) == (1, "signal 9")
    assert datetime.fromisoformat(after["ended_at"]).tzinfo is not None
    log = Places(home).log.read_text()
    assert f"{new.id}-1: ended (-9) after " in log
    assert f"{new.id}-1 is started again, pid {after['pid']}" in log


async def test_a_replica_that_is_not_healthy_is_told_with_its_answer(
    platform: LocalPlatform, repository: Repository
) -> None:
    new = await deployed(platform, repository.commit("new"))
    (pid, _) = [one["pid"] for one in await replicas(platform, new.id)]
    os.kill(pid, signal.SIGSTOP)
    try:
        stopped, other = await replicas(platform, new.id)
    finally:
        os.kill(pid, signal.SIGCONT)

    assert (stopped["healthy"], stopped["problem"]) == (False, "no answer within 2 s")
    assert (other["healthy"], other["problem"]) == (True, None)


async def test_a_proxy_that_was_restarted_counts_since_then_and_says_so(
    platform: LocalPlatform, repository: Repository, home: Path
) -> None:
    await deployed(platform, repository.commit("new"))
    await ask(platform)
    before = (await platform.status())["proxy"]
    assert (before["restarts"], before["why"]) == (0, None)

    os.kill(before["pid"], signal.SIGKILL)

    async def again() -> dict[str, Any] | None:
        proxy: dict[str, Any] = (await platform.status())["proxy"]
        return proxy if proxy["pid"] not in {None, before["pid"]} else None

    after = await until(again)
    assert (after["restarts"], after["why"]) == (1, "it ended, signal 9")
    assert after["since"] > before["since"]
    log = Places(home).log.read_text()
    assert "the proxy does not run: it ended, signal 9" in log
    assert f"the proxy runs, pid {after['pid']}" in log


async def test_a_supervisor_that_was_killed_is_told_by_the_next_one(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        before = (await platform.status())["supervisor"]
        assert before["why"] is None

        os.kill(before["pid"], signal.SIGKILL)

        async def again() -> dict[str, Any] | None:
            try:
                supervisor: dict[str, Any] = (await platform.status())["supervisor"]
            except PlatformUnreachableError:
                return None
            return supervisor if supervisor["pid"] != before["pid"] else None

        after = await until(again)
    assert after["why"] == "the one before had ended, signal 9"
    assert after["since"] > before["since"]
    log = Places(home).log.read_text()
    assert "started again: the one before had ended, signal 9" in log
