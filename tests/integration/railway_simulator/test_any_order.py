"""Whatever people do at once, one deployment serves in the end, and only that runs."""

import asyncio
import random

import pytest

from tests.support.railway.lifecycle import ImpossibleError, Status
from tests.support.railway.records import Record
from tests.support.railway.scenes import Stage, staged
from tests.support.railway.waiting import until

COMMITS = [letter * 40 for letter in "abcdef"]
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 30))]


class Crowd:
    """People who deploy, roll back, cancel and remove, by chance."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)  # noqa: S311 - for tests
        self.ended: dict[str, Status] = {}

    async def acts(self) -> None:
        """One of them does something, perhaps to what cannot have it done."""
        simulator, record = self.stage.simulator, self.any_record()
        simulator.stores(
            overlapSeconds=self.chance.choice([0, 5, 30]),
            drainingSeconds=self.chance.choice([0, 5]),
        )
        ask = self.stage.caller.ask
        match self.chance.randrange(8):
            case 0 | 1 | 2:
                await self.stage.caller.deploy(self.chance.choice(COMMITS))
            case 3 | 4:
                await ask("Rollback", id=record.id)
            case 5:
                await ask("Cancel", id=record.id)
            case 6:
                await ask("Remove", id=record.id)
            case _:
                await ask("Restart", id=record.id)
        await asyncio.sleep(self.chance.choice([0, 0, 0.005, 0.02]))

    def looks(self) -> None:
        """What has to be so at any moment."""
        world = self.stage.simulator.world
        assert len(world.roster.active) <= 2
        for one, status in self.ended.items():
            assert world.roster.status(one) is status
        for record in world.records.values():
            status = world.status(record)
            if status in {Status.REMOVED, Status.FAILED}:
                self.ended[record.id] = status
            assert record.history[-1] is status

    def any_record(self) -> Record:
        return self.chance.choice(self.stage.simulator.deployments)


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_serves_in_the_end_and_nothing_else_runs(seed: int) -> None:
    async with staged() as stage:
        crowd = Crowd(stage, seed)
        stage.ground.behave(COMMITS[1], builds=False)
        stage.ground.behave(COMMITS[2], answers=(503, None, 503, 200))
        stage.ground.behave(COMMITS[3], migrates=False, starts=False)
        stage.ground.behave(COMMITS[4], crashes_after=0.05, restarts=2)
        for _ in range(40):
            await crowd.acts()
            crowd.looks()
        world = stage.simulator.world
        await until(
            lambda: [world.roster.unfinished, world.roster.active[1:]], no_one_is_left
        )
        serving = () if world.roster.serving is None else (world.roster.serving,)
        await until(lambda: stage.ground.running, lambda running: running == serving)
        assert stage.ground.target == world.roster.serving
        ids = [record.id for record in stage.simulator.deployments]
        assert len(ids) == len(set(ids))
        created = [record.created_at for record in stage.simulator.deployments]
        assert created == sorted(set(created))


def no_one_is_left(found: list[tuple[str, ...]]) -> bool:
    return not any(found)


async def test_what_cannot_happen_is_a_mistake_of_the_simulator() -> None:
    async with staged() as stage:
        with pytest.raises(ImpossibleError):
            stage.simulator.conductor.wake(stage.good)
