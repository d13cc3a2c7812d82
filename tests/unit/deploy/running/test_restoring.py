"""An earlier deployment is brought back, by platforms of every kind."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.pipeline import resume
from app.backend.deploy.planning.reverting import MIGRATION_PLAN
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import EMERGENCY, RollbackRequest, Variables
from app.backend.deploy.rollback import roll_back
from app.errors import PlatformError
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_platform import MemoryPlatform

REVISION = Revision(
    id="0002", follows=(), needs=(), labels=(), title="", file="migrations/2.py"
)


async def back(delivery: Delivery, **flags: Any) -> RunReport:
    given: dict[str, Any] = {"gate_hold": 1.0, "reason": EMERGENCY, **flags}
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", **given)
    return await roll_back(request, delivery.tools)


class WaitingPlatform(MemoryPlatform):
    """Leaves what it restores to whoever switches."""

    @override
    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        commit = (await self.deployment(target)).commit
        return await self.deploy(commit, tag=tag, epoch=epoch)


async def test_what_a_platform_leaves_ready_is_switched_to(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = WaitingPlatform(tmp_path / "platform.json")
    delivery.renew()
    first = await delivery.good("one")
    await delivery.good("two")
    report = await back(delivery)
    assert report.ending is Ending.RESTORED, report.text()
    active = delivery.platform.active()
    assert active
    assert active.commit == first
    assert delivery.platform.calls[-1] == ["switch", active.id]


class PlannedPlatform(MemoryPlatform):
    """Its pre-deploy command cannot ask the database what a plan was made for."""

    @override
    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        commit = (await self.deployment(target)).commit
        own = await self.variables(target if variables == "target" else None)
        self.behave(commit, restores=MIGRATION_PLAN not in own)
        return await super().roll_back(
            target, tag=tag, epoch=epoch, variables=variables
        )


@pytest.fixture
async def delivery(tmp_path: Path) -> Delivery:
    """What can be gone back to was deployed with a plan, which has been cleared."""
    delivery = Delivery(tmp_path)
    path = tmp_path / "platform.json"
    delivery.platform = PlannedPlatform(path, switches_itself=True, runs_commands=False)
    delivery.schema.revisions = (REVISION,)
    delivery.renew()
    report = await delivery.deploy(delivery.commit("one"), migrate=True)
    assert report.exit_code == 0, report.text()
    delivery.schema.revisions = ()
    await delivery.good("two")
    assert MIGRATION_PLAN in await delivery.platform.variables("d1")
    assert MIGRATION_PLAN not in await delivery.platform.variables()
    return delivery


async def test_an_emergency_steps_around_the_plan_of_an_old_migration(
    delivery: Delivery,
) -> None:
    report = await back(delivery)
    assert report.ending is Ending.RESTORED, report.text()
    assert report.serves
    assert report.serves.rollback_of == "d1"
    assert any("today's" in note for note in report.notes), report.notes
    assert report.deployment == report.serves.id
    run = (await delivery.runs())[0]
    assert run.deployment == report.serves.id
    restore = run.step("restore")
    assert restore
    assert restore.data["variables"] == "current"
    (note,) = [one for one in run.notes if one.step == "restore"]
    assert note.data["failed"] == "d3"
    assert "health check failed" in note.data["cause"]


async def test_going_back_by_itself_does_so_too(delivery: Delivery) -> None:
    # d2 and its commit are gone, so that d1 alone is left to return to.
    delivery.platform.forget("d2")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert report.serves
    assert report.serves.rollback_of == "d1"


async def test_who_is_in_no_hurry_is_told_and_nothing_more_is_tried(
    delivery: Delivery,
) -> None:
    report = await back(delivery, reason="user_initiated")
    assert report.ending is Ending.STRANDED
    assert [call[0] for call in delivery.platform.calls].count("roll_back") == 1


@pytest.mark.parametrize(
    ("variables", "attempts"), [(Variables.TARGET, 2), (Variables.CURRENT, 1)]
)
async def test_the_plan_of_what_is_left_is_not_given_to_what_comes_back(
    delivery: Delivery, variables: Variables, attempts: int
) -> None:
    epoch = await delivery.platform.epoch()
    await delivery.platform.set_variables({MIGRATION_PLAN: "another"}, epoch=epoch)
    report = await back(delivery, variables=variables)
    assert report.ending is Ending.RESTORED, report.text()
    calls = [call[0] for call in delivery.platform.calls]
    assert calls.count("roll_back") == attempts
    assert MIGRATION_PLAN not in await delivery.platform.variables()


async def test_with_todays_variables_there_is_no_second_attempt(
    delivery: Delivery, tmp_path: Path
) -> None:
    commit = (await delivery.platform.deployment("d1")).commit
    delivery.platform = MemoryPlatform(
        tmp_path / "platform.json", switches_itself=True, runs_commands=False
    )
    delivery.platform.behave(commit, restores=False)
    delivery.renew()
    report = await back(delivery, variables=Variables.CURRENT)
    assert report.ending is Ending.STRANDED
    assert [call[0] for call in delivery.platform.calls].count("roll_back") == 1


class KilledError(Exception):
    """Stands for SIGKILL."""


async def test_a_run_that_dies_before_its_second_attempt_is_gone_on_with(
    delivery: Delivery,
) -> None:
    def die(line: str) -> None:
        if "once more" in line:
            raise KilledError

    delivery.tools = replace(delivery.tools, say=die)
    with pytest.raises(KilledError):
        await back(delivery)
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.RESTORED, report.text()
    assert report.serves
    assert report.serves.rollback_of == "d1"
    listed = await delivery.platform.deployments()
    assert [one.id for one in listed if not one.status.is_over] == [report.serves.id]
    assert len(listed) == 4


class ForgetfulPlatform(MemoryPlatform):
    """Gives an image up between the last look at it and the rollback."""

    @override
    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        self.given_up = target
        raise PlatformError("its image is gone")

    @override
    async def deployment(self, deployment: str) -> Deployment:
        return self._now(await super().deployment(deployment))

    @override
    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        return [self._now(one) for one in await super().deployments(limit)]

    def _now(self, one: Deployment) -> Deployment:
        gone = getattr(self, "given_up", None)
        return replace(one, can_roll_back=one.can_roll_back and one.id != gone)


@pytest.mark.parametrize(
    ("flags", "ending"),
    [
        ({}, Ending.RESTORED),
        ({"reason": "somebody", "allow_rebuild": True}, Ending.RESTORED),
        ({"reason": "somebody"}, Ending.STRANDED),
    ],
)
async def test_an_image_given_up_at_that_moment_is_built_anew_if_that_is_allowed(
    tmp_path: Path, flags: dict[str, Any], ending: Ending
) -> None:
    delivery = Delivery(tmp_path)
    path = tmp_path / "platform.json"
    delivery.platform = ForgetfulPlatform(path, switches_itself=True)
    delivery.renew()
    first = await delivery.good("one")
    second = await delivery.good("two")
    report = await back(delivery, **flags)
    assert report.ending is ending, report.text()
    active = delivery.platform.active()
    assert active
    assert active.commit == (first if ending is Ending.RESTORED else second)
    assert ("its image is gone" in report.cause) is (ending is Ending.STRANDED)
