"""The riskiest assumption: that an old release can always come back.

An old release serves; a newer one takes its place; the world changes; the old one is
restored by the platform, as a new deployment. The table is written against the
platform protocol alone, so that every platform has to pass it.
"""

from collections.abc import Sequence
from itertools import product

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.deploy.platforms.base import DeploymentStatus
from tests.support.way_back import Scene
from tests.support.way_back_cells import (
    BOUND,
    CHANGES,
    Cell,
    Schema,
    Variables,
    assert_serves,
    comes_back,
    play,
)
from tests.support.way_back_releases import HEALTH_TIMEOUT

# A platform may have tasks in the loop that its fixture was made in.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def why_not(cell: Cell) -> str | None:
    """Why a cell cannot hold, by design.

    A plan is an order to compare the schema with what was planned. When the database
    cannot be asked, a pre-deploy command that was given one cannot tell a rollback
    from a release that lacks its migration, and must not let the latter through. The
    way out is the cell beside it: today's variables, which hold no plan.
    """
    with_plan = cell.variables is Variables.TARGET_WITH_PLAN
    if cell.pre_deploy and with_plan and not cell.database:
        return "the database cannot be reached"
    return None


ON = (True, False)
CELLS = [
    Cell(schema=one, variables=two, pre_deploy=three, gated=four, database=five)
    for one, two, three, four, five in product(
        (Schema.AHEAD, Schema.CURRENT), Variables, ON, ON, ON
    )
]
COMES_BACK = [one for one in CELLS if why_not(one) is None]
CANNOT = [(one, reason) for one in CELLS if (reason := why_not(one)) is not None]
REFUSED = [
    (Cell(schema=Schema.BEHIND, pre_deploy=False), "behind"),
    (Cell(schema=Schema.BEHIND, gated=False), f"needs {EXPAND_HEAD}"),
    (Cell(schema=Schema.TAKEN, pre_deploy=False), "contract revision"),
    (Cell(schema=Schema.TAKEN, gated=False), "contract revision"),
]
QUICK = {
    Cell(variables=Variables.CURRENT, database=False),
    Cell(schema=Schema.TAKEN, gated=False),
}


def tier(cell: Cell) -> Sequence[pytest.MarkDecorator]:
    return () if cell in QUICK else (pytest.mark.full,)


@pytest.mark.parametrize(
    "cell", [pytest.param(one, id=str(one), marks=tier(one)) for one in COMES_BACK]
)
async def test_the_old_release_comes_back(scene: Scene, cell: Cell) -> None:
    async with scene.database() as database:
        await comes_back(scene, cell, database)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        pytest.param(cell, reason, id=str(cell), marks=tier(cell))
        for cell, reason in (*CANNOT, *REFUSED)
    ],
)
async def test_what_cannot_come_back_leaves_what_serves_and_says_why(
    scene: Scene, cell: Cell, reason: str
) -> None:
    async with scene.database() as database:
        played = await play(scene, cell, database)

        assert played.back.status is DeploymentStatus.FAILED
        assert reason in await scene.told(played.back)
        await assert_serves(scene, played.newer)
        assert played.seconds < HEALTH_TIMEOUT + BOUND


@pytest.mark.full
@pytest.mark.parametrize("schema", CHANGES)
async def test_without_gate_and_pre_deploy_command_nobody_looks_at_the_schema(
    scene: Scene, schema: Schema
) -> None:
    cell = Cell(schema=schema, pre_deploy=False, gated=False)
    async with scene.database() as database:
        played = await play(scene, cell, database)

        assert played.back.status is DeploymentStatus.SUCCESS
        await assert_serves(scene, played.back)
        answer = await scene.get("/api/health/startup")
        assert answer.status_code == 503
