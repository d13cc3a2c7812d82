from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.rotating.plan import RotationRequest, look
from app.backend.deploy.rotating.rotate import rotate
from app.errors import PreflightError
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform
from tests.support.rotating import NAME, NEW, OLD, behave, planned, rotated, today


async def test_what_has_changed_since_the_plan_is_not_stepped_over(
    delivery: Delivery,
) -> None:
    plan = await planned(delivery)
    delivery.platform.given(**{NAME: "somebody-elses"})
    with pytest.raises(PreflightError, match="since the plan"):
        await rotate(plan, delivery.tools)
    assert await today(delivery) == "somebody-elses"


async def test_where_nothing_serves_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform.given(**{NAME: OLD})
    with pytest.raises(PreflightError, match="nothing serves"):
        await planned(delivery)


async def test_a_value_that_breaks_a_rule_is_refused_before_anything_is_asked(
    delivery: Delivery,
) -> None:
    delivery.platform.given(DB_POOL_SIZE="5")
    await delivery.good("sized")
    plan = await planned(delivery, "DB_POOL_SIZE", "many")

    assert [one.variable for one in plan.broken] == ["DB_POOL_SIZE"]
    calls = len(delivery.platform.calls)
    with pytest.raises(PreflightError, match="DB_POOL_SIZE") as refused:
        await rotate(plan, delivery.tools)
    assert refused.value.remedy
    assert len(delivery.platform.calls) == calls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "x"),
        ("SECRET_KEY", "a" * 44),
        ("SECRET_KEY", "your-key"),
        ("SECRET_KEY", "Zr8_kk2Vq0-Lw71xTgHbNp\nYc53mDfUeAq1w2E3r4T5y6"),
        ("SECRET_KEY", "'Zr8_kk2Vq0-Lw71xTgHbNpYc53mDfUeA'"),
        ("RESEND_API_KEY", "sk-ant-api03-Zr8kk2Vq0Lw71xTgHbNp"),
        ("DATABASE_URL", "nonsense"),
        ("PM33_ADMIN_TOKEN", "x"),
    ],
)
async def test_a_value_that_nobody_could_mean_is_refused_in_every_environment(
    tmp_path: Path, name: str, value: str
) -> None:
    delivery = Delivery(tmp_path)
    old = "postgresql://app:an-old-one@db.example.com:5432/app"
    delivery.platform.given(**{name: old})
    await delivery.good("serving")
    request = RotationRequest(
        name=name, value=value, environment="development", actor="test"
    )
    plan = await look(request, replace(delivery.tools, environment="development"))

    assert [one.variable for one in plan.broken] == [name]
    assert "mend that on the platform" not in plan.text()
    with pytest.raises(PreflightError, match="cannot be used"):
        plan.refuse()


async def test_stripes_modes_are_judged_by_the_environments_own_rules(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path)
    name = "STRIPE_SECRET_KEY"
    delivery.platform.given(**{name: "sk_test_51Nq8wKc2vTzR4mBd6"})
    await delivery.good("serving")
    request = RotationRequest(
        name=name,
        value="sk_test_51Hw3xLd9uYsQ7nAf2",
        environment="development",
        actor="test",
    )
    tools = replace(delivery.tools, environment="development")
    assert (await look(request, tools)).is_possible
    live = replace(request, value="sk_live_51Hw3xLd9uYsQ7nAf2")
    (broken,) = (await look(live, tools)).broken
    assert broken.rule == "stripe-live-key"


async def test_the_plan_names_one_way_back_and_that_is_what_serves(
    delivery: Delivery,
) -> None:
    plan = await planned(delivery)

    assert plan.deploy.way_back == plan.serving
    assert "way back: none" not in plan.text()


class FileKeeper(MemoryPlatform):
    """Keeps variables in a file, and adds a database of its own."""

    variables_file = Path("/home/platform/variables.env")

    @override
    async def variables(
        self, deployment: str | None = None
    ) -> Mapping[str, str | None]:
        return {NAME: None, **await super().variables(deployment)}


async def test_what_the_platform_adds_by_itself_is_its_own_again_after_a_failure(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = FileKeeper(tmp_path / "platform.json")
    delivery.renew()
    await delivery.good("serving")
    behave(delivery, ill_with=NEW)
    plan = await planned(delivery)
    assert "is as it was" in plan.head()
    report = await rotated(delivery)

    assert (report.exit_code, report.put_back) == (1, True), report.text()
    assert await today(delivery) is None


async def test_what_else_is_wrong_with_the_environment_is_mended_before_anything_is_set(
    delivery: Delivery,
) -> None:
    delivery.platform.given(DB_POOL_SIZE="many")
    plan = await planned(delivery)

    assert not plan.is_possible
    assert plan.broken == ()
    with pytest.raises(PreflightError, match="DB_POOL_SIZE") as refused:
        await rotate(plan, delivery.tools)
    assert "mend that" in refused.value.remedy
    assert await today(delivery) == OLD


async def test_what_is_wrong_may_be_what_is_rotated(delivery: Delivery) -> None:
    delivery.platform.given(DB_POOL_SIZE="5")
    await delivery.good("sized")
    delivery.platform.given(DB_POOL_SIZE="many")
    report = await rotated(delivery, name="DB_POOL_SIZE", value="6")

    assert report.exit_code == 0, report.text()


async def test_a_rotation_does_not_warn_about_itself(delivery: Delivery) -> None:
    await rotated(delivery)

    assert "has not ended" not in "\n".join(delivery.said)


async def test_midnight_between_the_plan_and_the_answer_changes_nothing(
    delivery: Delivery,
) -> None:
    plan = await planned(delivery)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    report = await rotate(plan, replace(delivery.tools, now=lambda: tomorrow))

    assert report.exit_code == 0, report.text()
