"""A deployment is followed for as long as it gets on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.config.environment import read_config
from app.backend.database.lease import Unlocked
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.running.following import follow, is_serving
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import StepFailedError
from app.backend.deploy.watching.clock import SystemClock
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform

DEADLINE = 0.5
QUEUED, BUILDING, SUCCESS = (
    DeploymentStatus.QUEUED,
    DeploymentStatus.BUILDING,
    DeploymentStatus.SUCCESS,
)


class SlowPlatform(MemoryPlatform):
    """Each state is followed by the next after a while, and the last by none."""

    states: tuple[DeploymentStatus, ...] = ()
    silent: float | None = None
    stale: DeploymentStatus | None = None
    """What whoever follows it sees for ever; None: the truth."""
    asked = 0
    seconds = DEADLINE * 0.6
    began = 0.0

    def now(self) -> Deployment:
        passed = asyncio.get_running_loop().time() - self.began
        index = min(int(passed / self.seconds), len(self.states) - 1)
        return Deployment(
            id="d1",
            commit="c" * 40,
            status=self.states[index],
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    @override
    async def deployment(self, deployment: str) -> Deployment:
        self.asked += 1
        return self.now()

    @override
    async def silence(self, deployment: str) -> float | None:
        return self.silent

    @override
    async def follow(self, deployment: str) -> AsyncIterator[Deployment]:
        while True:
            now = self.now()
            yield replace(now, status=self.stale) if self.stale else now
            await asyncio.sleep(0.02)


async def followed(
    folder: Path,
    *states: DeploymentStatus,
    patient: bool = False,
    silent: float | None = None,
    platform: SlowPlatform | None = None,
) -> tuple[Deployment, str]:
    delivery = Delivery(folder)
    platform = platform or SlowPlatform(folder / "platform.json")
    platform.states, platform.silent = states, silent
    platform.began = asyncio.get_running_loop().time()
    config = read_config({"PM33_HOME": str(folder), "PM33_BUILD_TIMEOUT": "1"})
    tools = replace(
        delivery.tools, platform=platform, clock=SystemClock(), config=config
    )
    guard = Unlocked(name="environment/test", epoch=1)
    async with tools.journals(guard) as journals:
        run = Run("r1", tools, guard, journals)
        found = await follow(run, "d1", is_serving, deadline=DEADLINE, patient=patient)
    return found, "\n".join(delivery.said)


async def test_a_slow_one_that_gets_on_is_waited_for(tmp_path: Path) -> None:
    found, said = await followed(
        tmp_path, QUEUED, BUILDING, DeploymentStatus.DEPLOYING, SUCCESS
    )
    assert found.status is SUCCESS
    assert [said.count(str(one)) for one in (QUEUED, BUILDING)] == [1, 1]


@pytest.mark.parametrize(
    "states", [(QUEUED, BUILDING), (QUEUED, BUILDING, QUEUED, BUILDING, QUEUED)]
)
async def test_one_that_gets_nowhere_is_given_up(
    tmp_path: Path, states: tuple[DeploymentStatus, ...]
) -> None:
    with pytest.raises(StepFailedError, match=r"is still .* after 0\.5 s"):
        await followed(tmp_path, *states)


@pytest.mark.parametrize(
    ("state", "silent", "words"),
    [
        pytest.param(QUEUED, None, "still QUEUED: the platform", id="it is queued"),
        pytest.param(BUILDING, 0.1, "still BUILDING: it gets on", id="it is built"),
    ],
)
async def test_one_that_is_queued_or_still_built_is_waited_for_longer(
    tmp_path: Path, state: DeploymentStatus, silent: float | None, words: str
) -> None:
    states = (state, state, state, SUCCESS)
    found, said = await followed(tmp_path, *states, patient=True, silent=silent)
    assert found.status is SUCCESS
    assert words in said


@pytest.mark.parametrize(
    ("state", "silent", "after"),
    [
        pytest.param(BUILDING, DEADLINE, "0.5", id="it has stood still"),
        pytest.param(BUILDING, None, "0.5", id="nobody can tell"),
        pytest.param(BUILDING, 0.0, "1", id="it has no end"),
        pytest.param(DeploymentStatus.UNKNOWN, 0.0, "0.5", id="nobody knows it"),
    ],
)
async def test_patience_has_an_end(
    tmp_path: Path, state: DeploymentStatus, silent: float | None, after: str
) -> None:
    with pytest.raises(StepFailedError, match=f"is still {state} after {after} s"):
        await followed(tmp_path, state, patient=True, silent=silent)


async def test_while_it_is_waited_for_longer_it_is_not_looked_at_for_that(
    tmp_path: Path,
) -> None:
    platform = SlowPlatform(tmp_path / "platform.json")
    states = (BUILDING, BUILDING, BUILDING, SUCCESS)
    found, said = await followed(
        tmp_path, *states, patient=True, silent=0.0, platform=platform
    )
    assert found.status is SUCCESS
    assert "it gets on" in said
    assert platform.asked == 0


@pytest.mark.parametrize("silent", [None, 0.0], ids=["nobody can tell", "it gets on"])
async def test_what_was_seen_long_ago_is_looked_at_before_it_is_given_up(
    tmp_path: Path, silent: float | None
) -> None:
    platform = SlowPlatform(tmp_path / "platform.json")
    platform.stale = BUILDING
    found, _ = await followed(
        tmp_path, BUILDING, SUCCESS, patient=True, silent=silent, platform=platform
    )
    assert found.status is SUCCESS
    assert platform.asked == 1
