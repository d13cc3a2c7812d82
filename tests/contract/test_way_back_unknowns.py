"""The way back at Railway, whatever is true of what nobody has established.

Each fact that FACTS marks with [?], and that a rollback depends on, is a switch of the
simulator. With every combination the old release comes back, or the plan had said
before the deploy that it would not.
"""

from dataclasses import fields
from itertools import product
from urllib.parse import urlsplit

import pytest

from app.backend.deploy.planning.returning import REVERT, of_variables
from app.backend.deploy.platforms.base import DeploymentStatus
from tests.support.railway.plans import Unknowns
from tests.support.way_back import railway
from tests.support.way_back_cells import (
    Cell,
    Variables,
    assert_serves,
    comes_back,
    says,
)
from tests.support.way_back_releases import Releases

pytestmark = pytest.mark.full

ON = (True, False)
UNKNOWNS = [
    Unknowns(
        rollback_rewrites_variables=one,
        rollback_runs_pre_deploy=two,
        rollback_waits_for_health=three,
    )
    for one, two, three in product(ON, ON, ON)
]
CELLS = [
    Cell(),
    Cell(variables=Variables.TARGET_WITH_PLAN),
    Cell(database=False),
    Cell(variables=Variables.CURRENT, database=False),
]
ROLE = "of_the_release"


def name_of(value: object) -> str:
    """Those switches that are not as they usually are."""
    if not isinstance(value, Unknowns):
        return str(value)
    usual = Unknowns()
    changed = [
        one.name
        for one in fields(value)
        if getattr(value, one.name) != getattr(usual, one.name)
    ]
    return " and ".join(changed) or "as it stands"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
@pytest.mark.parametrize("unknowns", UNKNOWNS, ids=name_of)
async def test_the_old_release_comes_back(
    releases: Releases, unknowns: Unknowns, cell: Cell
) -> None:
    async with railway(releases, unknowns) as scene, scene.database() as database:
        await comes_back(scene, cell, database)


@pytest.mark.parametrize("unknowns", UNKNOWNS, ids=name_of)
async def test_a_rotated_password_is_told_before_and_todays_come_back(
    releases: Releases, unknowns: Unknowns
) -> None:
    async with railway(releases, unknowns) as scene, scene.database() as database:
        sql = f"ROLE {ROLE} SUPERUSER LOGIN PASSWORD"
        await scene.execute(database, f"CREATE {sql} 'first'")
        await scene.set_variables(DATABASE_URL=by_role(database, "first"))
        old = await scene.serve(releases.old(pre_deploy=False, gated=True))
        await scene.execute(database, f"ALTER {sql} 'second'")
        await scene.set_variables(DATABASE_URL=by_role(database, "second"))
        platform = scene.platform

        own, todays = await platform.variables(old.id), await platform.variables()
        (told,) = of_variables(old, own, todays, None, by_image=False)
        assert told.code == REVERT
        assert "DATABASE_URL" in told.text

        await scene.serve(releases.newer(expands=False))
        back = await scene.roll_back(old.id, "current")
        assert back.status is DeploymentStatus.SUCCESS, await scene.told(back)
        await assert_serves(scene, back)
        await says(scene, "healthy")

        as_it_was = await scene.roll_back(old.id, "target")
        if unknowns.rollback_waits_for_health:
            assert as_it_was.status is DeploymentStatus.FAILED
            await assert_serves(scene, back)
        else:
            await assert_serves(scene, as_it_was)
            assert (await scene.get("/api/health/startup")).status_code == 503


def by_role(url: str, password: str) -> str:
    parts = urlsplit(url)
    place = f"{ROLE}:{password}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=place).geturl()
