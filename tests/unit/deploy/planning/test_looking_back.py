"""What was good lies behind many deployments that never served: it is found."""

from pathlib import Path

import pytest

from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.planning.looking_back import LISTED, look_further
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_state import BEGIN

PUSHES = 60
"""More than are listed."""


@pytest.fixture
async def delivery(tmp_path: Path) -> Delivery:
    """One has served, two serves, and nothing that was pushed since has come up."""
    delivery = Delivery(tmp_path)
    await delivery.good("one")
    await delivery.good("two")
    delivery.platform.fails(PUSHES)
    return delivery


async def test_a_plan_finds_its_way_back_behind_them(delivery: Delivery) -> None:
    again = delivery.commits["two"]
    plan = await make_plan(delivery.request(again, reason="once more"), delivery.tools)
    assert plan.way_back is not None
    assert plan.way_back.commit == delivery.commits["one"]
    assert f"the newest {LISTED} deployments" in "\n".join(delivery.said)


async def test_a_rollback_goes_back_behind_them(delivery: Delivery) -> None:
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", gate_hold=1.0)
    report = await roll_back(request, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()
    assert report.commit == delivery.commits["one"]


async def test_a_target_that_lies_behind_them_can_be_named(delivery: Delivery) -> None:
    one = delivery.commits["one"]
    request = RollbackRequest(
        environment=ENVIRONMENT, actor="test", gate_hold=1.0, target=one
    )
    report = await roll_back(request, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()


async def test_a_release_that_turns_bad_is_left_for_what_lies_behind_them(
    delivery: Delivery,
) -> None:
    async def push(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("bake", Milestone.AFTER_INTENT):
            delivery.platform.fails(PUSHES)

    delivery.tools = delivery.at(push)
    report = await delivery.deploy(delivery.commit("three", good=False))
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert delivery.platform.active_commit() == delivery.commits["two"]


def some(count: int) -> list[Deployment]:
    return [
        Deployment(
            id=str(number),
            commit="c" * 40,
            status=DeploymentStatus.FAILED,
            created_at=BEGIN,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("there", "enough", "asked"),
    [
        pytest.param(49, 1000, [50], id="there are no more"),
        pytest.param(1000, 50, [50], id="it is found at once"),
        pytest.param(1000, 120, [50, 200], id="it is found further back"),
        pytest.param(300, 1000, [50, 200, 350], id="there are no more than these"),
        pytest.param(9999, 9999, [50, 200, 350, 500], id="there is a bound"),
    ],
)
async def test_it_looks_as_far_as_it_has_to(
    there: int, enough: int, asked: list[int]
) -> None:
    limits: list[int] = []
    said: list[str] = []

    async def deployments(limit: int) -> list[Deployment]:
        limits.append(limit)
        return some(min(limit, there))

    async def runs(limit: int) -> int:
        return limit

    listed, known = await look_further(
        deployments, runs, lambda found, _: len(found) >= enough, say=said.append
    )
    assert limits == asked
    assert len(listed) == min(asked[-1], there)
    assert known == (50 if len(asked) == 1 else 200)
    assert len(said) == len(asked) - 1
