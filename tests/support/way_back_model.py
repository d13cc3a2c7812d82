"""The nights of a way back without processes: as releases of this project behave.

What matters of them is told here in a few lines, as the tests with real processes show
it (``tests/contract/test_way_back_unknowns.py`` plays the same nights with them): a
pre-deploy command with a migration's plan needs its database, without one it does not;
the startup gate stays closed for a wrong password and opens for a database that is
away. A schema that is ahead stands in nobody's way.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.rollback import roll_back
from tests.support.railway.ground import GroundError, Write
from tests.support.railway.instant_edge import UsedGround
from tests.support.railway.plans import Unknowns
from tests.support.railway.records import Record
from tests.support.railway.repository import InventedRepository
from tests.support.railway_faults import FaultyRun, faulty_run
from tests.support.way_back_nights import OLD_PLAN, Evening, Night, back

__all__ = ["AskedUnknowns", "ModelledGround", "modelled_run", "play_modelled"]

_SETTINGS: Final = """
[deploy]
startCommand = "pm33 serve"
healthcheckPath = "/api/health/startup"
healthcheckTimeout = 20
overlapSeconds = 0
drainingSeconds = 8
numReplicas = 1
preDeployCommand = ["{command}"]
"""
_DEADLINE: Final = 30.0
"""Real seconds for a rollback that hangs."""
_DIRECTLY: Final = "pm33 migrate up --phase expand"
_BY_PLAN: Final = f"{_DIRECTLY} --plan-from-env"
_URL: Final = "postgresql://of_the_release:{password}@postgres.railway.internal/shop"


class AskedUnknowns(Unknowns):
    """Remembers which of them have been asked for, in their order."""

    __slots__ = ("asked",)
    asked: list[str]

    def __init__(self, **values: bool) -> None:
        super().__init__(**values)
        object.__setattr__(self, "asked", [])

    @override
    def __getattribute__(self, name: str) -> Any:
        """Any attribute; a switch is remembered."""
        if name in _NAMES:
            asked = object.__getattribute__(self, "asked")
            if name not in asked:
                asked.append(name)
        return object.__getattribute__(self, name)


_NAMES: Final = frozenset(one.name for one in fields(Unknowns))


class ModelledGround(UsedGround):
    """Releases of this project and their database.

    Attributes:
        database: it answers.
        password: the one that it takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.database = True
        self.password = "first"

    @override
    def reaches_database(self, record: Record) -> bool:
        return self.database and self._knows_password(record.variables)

    @override
    async def pre_deploy(
        self,
        deployment: str,
        commit: str,
        commands: Sequence[str],
        variables: Mapping[str, str],
        write: Write,
    ) -> None:
        await super().pre_deploy(deployment, commit, commands, variables, write)
        asks = _DIRECTLY in commands or variables.get("PM33_MIGRATION_PLAN")
        if asks and not (self.database and self._knows_password(variables)):
            raise GroundError("the database cannot be asked: exit code: 1")

    @override
    async def probe(
        self,
        deployment: str,
        replica: int,
        path: str | None,
        timeout: float,
    ) -> int | None:
        refused = self.database and not self._knows_password(self.given[deployment])
        if path is not None and refused:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return await super().probe(deployment, replica, path, timeout)

    def _knows_password(self, variables: Mapping[str, str]) -> bool:
        return urlsplit(variables["DATABASE_URL"]).password == self.password


@asynccontextmanager
async def modelled_run(folder: Path, unknowns: Unknowns) -> AsyncIterator[FaultyRun]:
    """A service at Railway for one night."""
    repository = InventedRepository()
    async with AsyncExitStack() as stack:
        run = await stack.enter_async_context(
            faulty_run(
                folder,
                ground=ModelledGround(),
                unknowns=unknowns,
                repository=repository,
            )
        )
        old, newer = run.commit("old"), run.commit("newer")
        run.railway.files = repository.settings_files = {
            old: _SETTINGS.format(command=_BY_PLAN),
            newer: _SETTINGS.format(command=_DIRECTLY),
        }
        yield run


async def play_modelled(run: FaultyRun, evening: Evening) -> Night:
    """As :func:`.way_back_nights.play`, in no time."""
    ground, platform = run.railway.ground, run.platform
    assert isinstance(ground, ModelledGround)
    first, second = run.railway.files
    await platform.set_variables(
        {
            "DATABASE_URL": _URL.format(password=ground.password),
            "PM33_MIGRATION_PLAN": OLD_PLAN if evening.planned else None,
        },
        epoch=1,
    )
    old = await _served(run, first)
    await platform.set_variables({"PM33_MIGRATION_PLAN": None}, epoch=1)
    if evening.rotated:
        ground.password = "second"
        url = _URL.format(password=ground.password)
        await platform.set_variables({"DATABASE_URL": url}, epoch=1)
    asked = run.request(second, variables=evening.variables)
    plan = await make_plan(asked, run.tools)
    newer = await _served(run, second)
    await run.time.sleep(60.0)
    stored = dict(await platform.variables())
    ground.database = evening.database
    async with asyncio.timeout(_DEADLINE):
        report = await roll_back(back(evening), run.tools)
    listed = await platform.deployments()
    since = [one for one in listed if one.created_at > newer.created_at]
    return Night(old, plan, stored, report, tuple(reversed(since)))


async def _served(run: FaultyRun, commit: str) -> Deployment:
    made = await run.platform.deploy(commit, tag=f"of-{commit}", epoch=1)
    states = [state async for state in run.platform.follow(made.id)]
    assert states[-1].active, states[-1]
    return states[-1]
