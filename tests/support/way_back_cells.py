"""Cells of the scenario table, and how each is played on a platform."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

import httpx
from typing_extensions import override

from app.backend.database.schema_heads import REVISIONS
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from tests.support.service import until
from tests.support.way_back import Scene

__all__ = [
    "BOUND",
    "CHANGES",
    "Cell",
    "Played",
    "Schema",
    "Variables",
    "assert_serves",
    "comes_back",
    "play",
    "says",
]

BOUND: Final = 30.0
"""Seconds until the old release serves; the grace is in it, a slow machine, too."""

_GRACE: Final = 1.0
_BEFORE, _AFTER = "the-token-before", "the-token-after"
_OLD_PLAN: Final = "0" * 64


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


CHANGES: Final = {
    Schema.BEHIND: ("update ops.alembic_version set version_num = $1", REVISIONS[-2]),
    Schema.TAKEN: (
        "insert into ops.schema_floor (revision, requires) values ($1, $2)",
        "9001_less",
        "9000_more",
    ),
}
"""What is done to the database before the old release comes back."""


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
    """An old release, a newer one, a change of the world, and the way back."""
    await scene.set_variables(
        DATABASE_URL=database,
        HEALTH_GATE_GRACE=str(_GRACE),
        PM33_ADMIN_TOKEN=_BEFORE,
        PM33_MIGRATION_PLAN=(None if cell.variables is Variables.TARGET else _OLD_PLAN),
    )
    releases = scene.releases
    old = await scene.serve(releases.old(pre_deploy=cell.pre_deploy, gated=cell.gated))
    await scene.set_variables(PM33_ADMIN_TOKEN=_AFTER, PM33_MIGRATION_PLAN=None)
    expands = cell.schema is not Schema.CURRENT
    newer = await scene.serve(releases.newer(expands=expands))
    await scene.gone(old.id)
    if (change := CHANGES.get(cell.schema)) is not None:
        await scene.execute(database, *change)
    if not cell.database:
        await scene.stop_database()
    began = time.monotonic()
    back = await scene.roll_back(old.id, _words(cell))
    return Played(old, newer, back, time.monotonic() - began)


async def comes_back(scene: Scene, cell: Cell, database: str) -> None:
    """Plays a cell, and asserts that users have the old release again."""
    played = await play(scene, cell, database)

    back = played.back
    assert back.status is DeploymentStatus.SUCCESS, await scene.told(back)
    current = cell.variables is Variables.CURRENT
    repeated = played.old.id if scene.repeats(_words(cell)) else None
    assert (back.commit, back.rollback_of) == (played.old.commit, repeated)
    await assert_serves(scene, back)
    assert played.seconds < BOUND
    await says(scene, "healthy" if cell.database else "degraded")
    assert await _accepts(scene, _AFTER if current else _BEFORE)
    assert not await _accepts(scene, _BEFORE if current else _AFTER)


def _words(cell: Cell) -> str:
    return "current" if cell.variables is Variables.CURRENT else "target"


async def _answer_of_a_release(scene: Scene) -> httpx.Response | None:
    answer = await scene.get("/api/health/live")
    return None if "x-railway-fallback" in answer.headers else answer


async def assert_serves(scene: Scene, expected: Deployment) -> None:
    """Users are answered by it, and the platform says so.

    Where nobody waits for a gate, Railway sends users to what does not listen yet.
    """
    body = (await until(partial(_answer_of_a_release, scene))).json()
    assert (body["commit"], body["deployment_id"]) == (expected.commit, expected.id)
    listed = await scene.platform.deployments()
    assert [one.id for one in listed if one.active] == [expected.id]


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


async def _accepts(scene: Scene, token: str) -> bool:
    """Whether the release that serves knows this administrator's token."""
    answer = await scene.get("/api/admin/nothing", token)
    assert answer.status_code in {401, 404}
    return answer.status_code == 404
