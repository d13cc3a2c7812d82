"""The riskiest assumption: that an old release can always come back.

An old release serves; a newer one takes its place; the world changes; the old one is
restored by the platform, as a new deployment. The table is written against the
platform protocol alone, so that every platform has to pass it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import pytest
from typing_extensions import override

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from tests.support.way_back import HEALTH_TIMEOUT, Scene

GRACE = 1.0
BOUND = 30.0
"""Seconds until the old release serves; the grace is in it, a slow machine, too."""

BEFORE, AFTER = "the-token-before", "the-token-after"
OLD_PLAN = "0" * 64


class Schema(StrEnum):
    """The schema, seen from the old release, when it is to come back."""

    CURRENT = "current"
    AHEAD = "ahead"
    BEHIND = "behind"
    TAKEN = "taken away"


class Variables(StrEnum):
    """Which variables it comes back with, and whether they hold an old plan's hash.

    A pipeline that leaves migrations to the pre-deploy command sets the hash for one
    deployment and clears it afterwards: a snapshot keeps it, today's are without.
    """

    TARGET = "target"
    TARGET_WITH_PLAN = "target with plan"
    CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One way in which an old release may have to come back.

    Attributes:
        pre_deploy: the platform runs its pre-deploy command again.
        gated: the platform waits for its startup gate.
        database: PostgreSQL runs.
    """

    schema: Schema = Schema.AHEAD
    variables: Variables = Variables.TARGET
    pre_deploy: bool = True
    gated: bool = True
    database: bool = True

    @override
    def __str__(self) -> str:
        told = (
            f"schema {self.schema}",
            f"variables {self.variables}",
            "pre-deploy" if self.pre_deploy else "no pre-deploy",
            "gate" if self.gated else "no gate",
            "database up" if self.database else "database down",
        )
        return ", ".join(told)


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
    Cell(variables=Variables.TARGET_WITH_PLAN),
    Cell(variables=Variables.CURRENT, database=False),
    Cell(schema=Schema.TAKEN, gated=False),
}

CHANGES = {
    Schema.BEHIND: ("update ops.alembic_version set version_num = $1", REVISIONS[-2]),
    Schema.TAKEN: (
        "insert into ops.schema_floor (revision, requires) values ($1, $2)",
        "9001_less",
        "9000_more",
    ),
}


def tier(cell: Cell) -> Sequence[pytest.MarkDecorator]:
    return () if cell in QUICK else (pytest.mark.full,)


@dataclass(frozen=True, slots=True)
class Played:
    """What has happened.

    Attributes:
        old: the deployment that was to be repeated.
        newer: the one that served meanwhile.
        back: what the platform made of it.
        seconds: from the call until it served, or was over.
    """

    old: Deployment
    newer: Deployment
    back: Deployment
    seconds: float


async def play(scene: Scene, cell: Cell, database: str) -> Played:
    await scene.set_variables(
        DATABASE_URL=database,
        HEALTH_GATE_GRACE=str(GRACE),
        PM33_ADMIN_TOKEN=BEFORE,
        PM33_MIGRATION_PLAN=(None if cell.variables is Variables.TARGET else OLD_PLAN),
    )
    releases = scene.releases
    old = await scene.serve(releases.old(pre_deploy=cell.pre_deploy, gated=cell.gated))
    await scene.set_variables(PM33_ADMIN_TOKEN=AFTER, PM33_MIGRATION_PLAN=None)
    expands = cell.schema is not Schema.CURRENT
    newer = await scene.serve(releases.newer(expands=expands))
    await scene.gone(old.id)
    if (change := CHANGES.get(cell.schema)) is not None:
        await scene.execute(database, *change)
    if not cell.database:
        await scene.stop_database()
    began = time.monotonic()
    variables = "current" if cell.variables is Variables.CURRENT else "target"
    back = await scene.roll_back(old.id, variables)
    return Played(old, newer, back, time.monotonic() - began)


async def assert_serves(scene: Scene, expected: Deployment) -> None:
    """Users are answered by it, and the platform says so."""
    body = (await scene.get("/api/health/live")).json()
    assert (body["commit"], body["deployment_id"]) == (expected.commit, expected.id)
    listed = await scene.platform.deployments()
    assert [one.id for one in listed if one.active] == [expected.id]


@pytest.mark.parametrize(
    "cell", [pytest.param(one, id=str(one), marks=tier(one)) for one in COMES_BACK]
)
async def test_the_old_release_comes_back(scene: Scene, cell: Cell) -> None:
    async with scene.database() as database:
        played = await play(scene, cell, database)

        back = played.back
        assert back.status is DeploymentStatus.SUCCESS, await scene.told(back)
        assert (back.commit, back.rollback_of) == (played.old.commit, played.old.id)
        await assert_serves(scene, back)
        assert played.seconds < BOUND
        await says(scene, "healthy" if cell.database else "degraded")
        current = cell.variables is Variables.CURRENT
        assert await accepts(scene, AFTER if current else BEFORE)
        assert not await accepts(scene, BEFORE if current else AFTER)


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


async def says(scene: Scene, status: str) -> None:
    """Waits until the startup gate answers 200 with this status.

    Where the platform does not wait for the gate, it may still be closed.
    """
    ends = time.monotonic() + BOUND
    while True:
        answer = await scene.get("/api/health/startup")
        if answer.status_code == 200:
            assert answer.json()["status"] == status, answer.text
            return
        assert time.monotonic() < ends, answer.text
        await asyncio.sleep(0.1)


async def accepts(scene: Scene, token: str) -> bool:
    """Whether the release that serves knows this administrator's token."""
    answer = await scene.get("/api/admin/nothing", token)
    assert answer.status_code in {401, 404}
    return answer.status_code == 404
