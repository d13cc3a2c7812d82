from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.pipeline import deploy, make_plan
from app.backend.deploy.planning.environment import TWO_NAMES
from app.backend.deploy.planning.findings import AT_WORK
from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.tools import Milestone
from app.errors import ConfigError, LeaseHeldError
from tests.support.delivery import Delivery, git
from tests.support.memory_platform import MemoryPlatform


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def test_while_somebody_deploys_a_plan_says_who_and_why(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second, third = delivery.commit("two"), delivery.commit("three")
    plans: list[Plan] = []
    refused: list[str] = []

    async def meanwhile(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("bake", Milestone.AFTER_CALL):
            plans.append(await make_plan(delivery.request(third), delivery.tools))
            with pytest.raises(LeaseHeldError) as error:
                await delivery.deploy(third)
            refused.append(str(error.value))

    request = delivery.request(second, reason="the hotfix of the week")
    report = await deploy(request, delivery.at(meanwhile))
    assert report.exit_code == 0
    (found,) = (one for one in plans[0].findings if one.code == AT_WORK)
    for text in (found.text, refused[0]):
        assert report.run in text
        assert "the hotfix of the week" in text
    assert "resume" not in plans[0].text()
    free = await make_plan(delivery.request(third), delivery.tools)
    assert not free.refusals


async def test_a_plan_says_that_it_goes_back_and_what_is_not_committed(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    await delivery.good("three")
    plan = await make_plan(delivery.request(first), delivery.tools)
    assert "it goes back 2 commits" in plan.text()
    assert "no railway.toml: defaults are used" in plan.text()
    (delivery.checkout / "railway.toml").write_text("[deploy]\n")
    git(delivery.checkout, "add", "railway.toml")
    fourth = delivery.commit("four")
    plan = await make_plan(delivery.request(fourth), delivery.tools)
    assert "goes back" not in plan.text()
    assert "railway.toml" not in plan.text()


async def test_a_plan_names_the_variables_that_have_changed(
    delivery: Delivery,
) -> None:
    delivery.platform.given(PM33_MODE="one", PM33_SEALED=None)
    await delivery.good("one")
    second = delivery.commit("two")
    plan = await make_plan(delivery.request(second), delivery.tools)
    assert plan.changed_variables == ()
    delivery.platform.given(PM33_MODE="another")
    plan = await make_plan(delivery.request(second), delivery.tools)
    assert plan.changed_variables == ("PM33_MODE",)
    assert "another" not in plan.text()


async def test_what_serves_is_the_way_back_where_only_what_is_gone_is_restored(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    serving = (await delivery.platform.deployments())[0]
    delivery.platform.forget(serving.id)
    plan = await make_plan(delivery.request(delivery.commit("two")), delivery.tools)
    assert plan.way_back is not None
    assert plan.way_back.id == serving.id
    assert not [one for one in plan.findings if one.code == "no_way_back"]


class Misread(MemoryPlatform):
    """Cannot use the settings of some commits.

    Attributes:
        broken: those.
    """

    broken: frozenset[str] = frozenset()

    @override
    async def settings(self, commit: str) -> ServiceSettings:
        if commit in self.broken:
            raise ConfigError("railway.toml: no TOML", remedy="correct it")
        return await super().settings(commit)


async def test_what_serves_may_have_settings_that_only_the_new_commit_mends(
    delivery: Delivery,
) -> None:
    delivery.platform = platform = Misread(delivery.folder / "platform.json")
    delivery.renew()
    platform.broken = frozenset({await delivery.good("one")})
    plan = await make_plan(delivery.request(delivery.commit("two")), delivery.tools)
    assert not plan.refusals
    assert plan.changed == {}


async def test_a_plan_says_that_the_service_goes_by_another_name(
    delivery: Delivery,
) -> None:
    delivery.platform.given(ENVIRONMENT="staging")
    plan = await make_plan(delivery.request(delivery.commit("one")), delivery.tools)
    (found,) = (one for one in plan.findings if one.code == TWO_NAMES)
    assert "calls itself staging" in found.text
    assert not plan.refusals
