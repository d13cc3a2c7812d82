"""What goes wrong in a step beside the release itself."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.report import Ending
from app.backend.deploy.tools import Milestone
from app.errors import MigrationError, NotAuthorizedError, PreflightError
from tests.support.delivery import Delivery, KnownSchema
from tests.support.memory_platform import MemoryPlatform

REVISION = Revision(
    id="0002", follows=(), needs=(), labels=(), title="", file="migrations/2.py"
)


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def test_a_release_that_cannot_be_withdrawn_is_tried_again_by_resume(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    delivery.platform.refuse_next("cancel")
    report = await delivery.deploy(delivery.commit("bad", well=False))
    assert (report.ending, report.exit_code) == (Ending.FAILED, 1)
    assert any("not withdrawn: cancel is refused" in note for note in report.notes)
    assert report.next_command.startswith("pm33 deploy resume")
    assert delivery.platform.unfinished()
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.FAILED
    assert "HTTP 500" in resumed.text()
    assert resumed.serves
    assert resumed.serves.commit == first
    assert delivery.platform.unfinished() == []
    assert (await delivery.runs())[0].ended


async def test_what_cannot_be_cleared_does_not_make_a_good_release_bad(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path, switches_itself=True, runs_commands=False)
    delivery.schema.revisions = (REVISION,)

    async def refuse(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("finalise", Milestone.BEFORE_INTENT):
            delivery.platform.refuse_next("set_variables")

    request = delivery.request(delivery.commit("one"), migrate=True)
    report = await deploy(request, delivery.at(refuse))
    assert (report.ending, report.exit_code) == (Ending.DONE, 0)
    assert any("not cleared" in note for note in report.notes)
    assert not (await delivery.runs())[0].ended
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.DONE
    assert await delivery.platform.variables() == {}
    assert (await delivery.runs())[0].outcome == "done"


class GuardedPlatform(MemoryPlatform):
    """Lets nobody look any more, once the token is revoked."""

    revoked = False

    def refuse(self) -> None:
        if self.revoked:
            raise NotAuthorizedError("the token is not valid", remedy="renew it")

    @override
    async def deployment(self, deployment: str) -> Deployment:
        self.refuse()
        return await super().deployment(deployment)

    @override
    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        self.refuse()
        return await super().deployments(limit)


@pytest.mark.parametrize(
    ("at", "ending", "code"),
    [("gate", Ending.PAUSED, 6), ("switch", Ending.UNKNOWN, 3)],
)
async def test_a_token_that_is_revoked_half_way_is_no_refusal_before_the_deploy(
    tmp_path: Path, at: str, ending: Ending, code: int
) -> None:
    delivery = Delivery(tmp_path)
    platform = GuardedPlatform(tmp_path / "platform.json", switches_itself=True)
    delivery.platform = platform
    delivery.renew()

    async def revoke(step: str, _: Milestone) -> None:
        platform.revoked = platform.revoked or step == at

    report = await deploy(delivery.request(delivery.commit("one")), delivery.at(revoke))
    assert (report.ending, report.exit_code) == (ending, code)
    assert "the token is not valid" in report.text()
    assert report.next_command.startswith("pm33 deploy resume")


async def test_what_belongs_to_nobody_is_cancelled_by_who_takes_over(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    epoch = await delivery.platform.epoch()
    orphan = await delivery.platform.deploy("f" * 40, tag="nobody", epoch=epoch)
    while orphan.status is not DeploymentStatus.READY:
        orphan = await delivery.platform.deployment(orphan.id)
    second = delivery.commit("two")
    with pytest.raises(PreflightError, match="under way") as refused:
        await delivery.deploy(second)
    assert f"pm33 deployments cancel {orphan.id}" in refused.value.remedy
    report = await delivery.deploy(second, supersede=True)
    assert report.ending is Ending.DONE
    assert delivery.platform.unfinished() == []


@pytest.mark.parametrize("step", ["choose", "restore", "verify"])
async def test_a_read_without_an_answer_does_not_end_the_way_back(
    delivery: Delivery, step: str
) -> None:
    first = await delivery.good("one")

    async def deafen(at: str, milestone: Milestone) -> None:
        if (at, milestone) in {
            (step, Milestone.BEFORE_INTENT),
            (step, Milestone.AFTER_INTENT),
        }:
            delivery.platform.be_deaf(2)

    bad = delivery.request(delivery.commit("bad", good=False))
    report = await deploy(bad, delivery.at(deafen))
    assert report.ending is Ending.ROLLED_BACK
    assert report.serves
    assert report.serves.commit == first


async def test_a_bake_of_no_time_has_watched_nothing(delivery: Delivery) -> None:
    report = await delivery.deploy(delivery.commit("one"), bake=0.0)
    assert report.ending is Ending.UNBAKED
    assert report.verdict is None


class UnplannableSchema(KnownSchema):
    """Somebody has stopped the database meanwhile."""

    @override
    async def plan_hash(self) -> str:
        raise MigrationError("the database is away", remedy="start it")


async def test_an_error_that_is_not_the_platforms_fails_the_step(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path, switches_itself=True, runs_commands=False)
    delivery.schema = UnplannableSchema((REVISION,))
    delivery.renew()
    report = await delivery.deploy(delivery.commit("one"), migrate=True)
    assert report.ending is Ending.FAILED
    assert "the database is away; start it" in report.cause
    assert (await delivery.runs())[0].ended


class Applied(KnownSchema):
    """A schema that has nothing pending once it was asked."""

    @override
    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        found, self.revisions = self.revisions, ()
        return found


async def test_a_migration_without_an_answer_is_not_run_again(
    delivery: Delivery,
) -> None:
    delivery.schema.revisions = (REVISION,)
    delivery.platform.fail_next("run", after=True)
    report = await delivery.deploy(delivery.commit("one"), migrate=True)
    assert report.ending is Ending.FAILED
    assert "how the migration has ended is not known" in report.cause
    assert [call[0] for call in delivery.platform.calls] == ["run"]


async def test_a_migration_that_the_schema_shows_is_done(delivery: Delivery) -> None:
    delivery.schema = Applied((REVISION,))
    delivery.renew()
    delivery.platform.fail_next("run", after=True)
    report = await delivery.deploy(delivery.commit("one"), migrate=True)
    assert report.ending is Ending.DONE
    assert [call[0] for call in delivery.platform.calls].count("run") == 1


async def test_a_failed_first_deploy_leaves_nothing_serving_and_says_so(
    delivery: Delivery,
) -> None:
    report = await delivery.deploy(delivery.commit("bad", well=False))
    assert report.ending is Ending.FAILED
    assert "serves: nothing" in report.text()
    assert report.to_dict()["serves_known"] is True
    assert "still serves" not in report.text()
