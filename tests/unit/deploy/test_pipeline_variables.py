from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.pipeline import deploy, make_plan
from app.backend.deploy.platforms.base import Platform
from app.backend.deploy.report import Ending
from app.backend.deploy.request import RollbackRequest, Variables
from app.backend.deploy.rollback import roll_back
from app.errors import ConfigError, PlatformError, PreflightError
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform
from tests.support.plausible import LIST


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    """Whose platform is production's."""
    one = Delivery(tmp_path)
    one.tools = replace(one.tools, environment="production")
    return one


async def test_variables_that_would_hold_the_gate_refuse_the_deploy_beforehand(
    delivery: Delivery,
) -> None:
    delivery.platform.given(**LIST)
    request = replace(
        delivery.request(delivery.commit("one")), environment="production"
    )
    assert not (await make_plan(request, delivery.tools)).refusals
    delivery.platform.given(SECRET_KEY="changeme", JWT_SECRET=None)

    with pytest.raises(PreflightError, match=r"\n  SECRET_KEY ") as refused:
        await deploy(request, delivery.tools)

    assert refused.value.exit_code == 5
    assert "pm33 env validate --source memory:production" in refused.value.remedy
    assert "JWT_SECRET" not in str(refused.value)
    assert delivery.platform.calls == []
    plan = await make_plan(request, delivery.tools)
    codes = [one["code"] for one in plan.to_dict()["findings"]]
    assert "environment_invalid" in codes


@pytest.mark.parametrize("reason", ["emergency", "user_initiated"])
async def test_a_rollback_is_never_refused_by_them(
    delivery: Delivery, reason: str
) -> None:
    delivery.tools = replace(delivery.tools, environment="development")
    first = await delivery.good("one")
    await delivery.good("two")
    delivery.tools = replace(delivery.tools, environment="production")
    asked = RollbackRequest(environment="production", actor="test", reason=reason)

    report = await roll_back(asked, delivery.tools)

    assert report.ending is Ending.RESTORED
    assert report.serves
    assert report.serves.commit == first


class _Earlier(MemoryPlatform):
    """A platform of a version that does not know the question."""

    @override
    async def variables(self, deployment: str | None = None) -> dict[str, str | None]:
        raise PlatformError("the platform knows no variables", remedy="renew it")


async def test_a_platform_that_cannot_tell_them_is_deployed_to_with_a_warning(
    delivery: Delivery, tmp_path: Path
) -> None:
    earlier: Platform = _Earlier(tmp_path / "platform.json")
    tools = replace(delivery.tools, platform=earlier)
    request = replace(
        delivery.request(delivery.commit("one")), environment="production"
    )
    plan = await make_plan(request, tools)

    assert not plan.refusals
    assert "the variables of production are not known" in plan.text()


class _Broken(MemoryPlatform):
    """A platform whose variables somebody has edited badly."""

    @override
    async def variables(self, deployment: str | None = None) -> dict[str, str | None]:
        raise ConfigError("variables.env, line 2 is no NAME=value", remedy="mend it")


async def test_variables_that_cannot_be_read_refuse_the_deploy_beforehand(
    delivery: Delivery, tmp_path: Path
) -> None:
    broken: Platform = _Broken(tmp_path / "platform.json")
    tools = replace(delivery.tools, platform=broken)

    with pytest.raises(PreflightError, match="line 2") as refused:
        await deploy(delivery.request(delivery.commit("one")), tools)

    assert (refused.value.exit_code, refused.value.remedy) == (5, "mend it")
    assert delivery.platform.calls == []


async def test_a_rollback_with_todays_variables_is_refused_when_these_cannot_be_read(
    delivery: Delivery, tmp_path: Path
) -> None:
    delivery.tools = replace(delivery.tools, environment="development")
    await delivery.good("one")
    await delivery.good("two")
    broken: Platform = _Broken(tmp_path / "platform.json")
    tools = replace(delivery.tools, platform=broken)
    asked = RollbackRequest(
        environment="development",
        actor="test",
        reason="emergency",
        variables=Variables.CURRENT,
    )
    before, calls = await delivery.runs(), len(delivery.platform.calls)

    with pytest.raises(PreflightError, match="line 2") as refused:
        await roll_back(asked, tools)

    assert (refused.value.exit_code, refused.value.remedy) == (5, "mend it")
    assert await delivery.runs() == before
    assert len(delivery.platform.calls) == calls
    restored = await roll_back(replace(asked, variables=Variables.TARGET), tools)
    assert restored.ending is Ending.RESTORED
