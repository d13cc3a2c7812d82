"""A deploy while the platform keeps machines out: nobody is blamed, nothing undone."""

from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy, make_plan, resume
from app.backend.deploy.report import Ending
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path, switches_itself=True)


async def test_the_plan_says_before_that_no_probe_can_tell(delivery: Delivery) -> None:
    commit = delivery.commit("one")
    plan = await make_plan(delivery.request(commit), delivery.tools)
    assert "shield" not in {one.code for one in plan.findings}

    delivery.platform.be_shielded()
    plan = await make_plan(delivery.request(commit), delivery.tools)
    (finding,) = [one for one in plan.findings if one.code == "shield"]
    assert finding.severity == "warning"
    assert "pm33 platform shield" in finding.remedy
    assert not plan.refusals


async def test_a_release_that_nobody_can_see_is_left_serving_and_undecided(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")
    delivery.platform.be_shielded()
    report = await delivery.deploy(second)
    assert (report.ending, report.exit_code) == (Ending.PAUSED, 6)
    assert "keeps machines out" in report.cause
    assert served(delivery.platform) == second

    delivery.platform.be_shielded(shielded=False)
    again = await resume(delivery.tools, actor="alice")
    assert (again.ending, again.exit_code) == (Ending.DONE, 0)
    assert served(delivery.platform) == second


async def test_a_shield_that_is_raised_later_leaves_the_watch_undecided(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")
    raised: list[str] = []

    async def raise_it(step: str, _milestone: object) -> None:
        if step == "bake" and not raised:
            raised.append(step)
            delivery.platform.be_shielded()

    report = await deploy(delivery.request(second), delivery.at(raise_it))
    assert (report.ending, report.verdict) == (Ending.PAUSED, "inconclusive")
    assert served(delivery.platform) == second


def served(platform: MemoryPlatform) -> str:
    active = platform.active()
    assert active
    return active.commit
