"""What a person sees of the way back: the plan of an evening, the rollback at night.

An old release serves; a variable may be changed; a plan is made for a newer one, which
is deployed; the database may stop; then somebody rolls back in an emergency.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from typing_extensions import override

from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.planning.returning import NEEDS_DATABASE, REVERT, UNKNOWN
from app.backend.deploy.planning.survey import survey
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import (
    EMERGENCY,
    DeployRequest,
    RollbackRequest,
    Variables,
)
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Tools, tools_of
from tests.support.railway.plans import Unknowns
from tests.support.railway.platform import SimulatedPlatform
from tests.support.service import until
from tests.support.way_back import Scene

__all__ = [
    "EVENINGS",
    "OLD_PLAN",
    "Evening",
    "Night",
    "assert_back_as_foretold",
    "back",
    "play",
]

_ENVIRONMENT: Final = "production"
_DEADLINE: Final = 150.0
_GRACE: Final = "1"
OLD_PLAN: Final = "0" * 64
_ROLE: Final = "of_the_release"
_MAY_NOT: Final = "token_may_not_roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """What was before the newer release was deployed, and what goes wrong after it.

    The schema is ahead, the pre-deploy command runs and the startup gate is waited
    for, as far as Railway does either when it rolls back.

    Attributes:
        planned: the old release was made with a migration's plan, and still has it.
        rotated: the database's password has been changed since it was made.
        database: PostgreSQL runs when it is to come back.
        variables: which ones somebody asks for; None: nobody says.
    """

    planned: bool = False
    rotated: bool = False
    database: bool = True
    variables: Variables | None = None

    @override
    def __str__(self) -> str:
        told = (
            "old plan" if self.planned else "",
            "rotated password" if self.rotated else "",
            "database up" if self.database else "database down",
            f"{self.variables} variables asked for" if self.variables else "",
        )
        return ", ".join(filter(None, told))


EVENINGS: Final = [
    Evening(),
    Evening(database=False),
    Evening(planned=True),
    Evening(planned=True, database=False),
    Evening(rotated=True),
    Evening(rotated=True, database=False),
    Evening(rotated=True, variables=Variables.CURRENT),
    Evening(planned=True, database=False, variables=Variables.CURRENT),
]


@dataclass(frozen=True, slots=True)
class Night:
    """What has come of it.

    Attributes:
        old: what served first.
        plan: of the newer release, made before anything of it was deployed.
        stored: what the next deployment was to be given before the rollback.
        report: of the rollback.
        attempts: what was created for it, the first one first.
    """

    old: Deployment
    plan: Plan
    stored: dict[str, str | None]
    report: RunReport
    attempts: tuple[Deployment, ...]

    @property
    def codes(self) -> set[str]:
        """Of what the plan has found."""
        return {one.code for one in self.plan.findings}

    @property
    def told(self) -> str:
        """Everything that was said, for whoever looks why a test has failed."""
        return f"{self.plan.text()}\n\n{self.report.text()}"


async def play(
    scene: Scene, simulated: SimulatedPlatform, evening: Evening, database: str
) -> Night:
    """An old release, the plan of a newer one, the night after."""
    tools, releases = _tools(simulated, scene), scene.releases
    first = await _with_password(scene, database, "first")
    await scene.set_variables(
        DATABASE_URL=first,
        HEALTH_DATABASE_PERIOD="1",
        HEALTH_GATE_GRACE=_GRACE,
        PM33_MIGRATION_PLAN=OLD_PLAN if evening.planned else None,
    )
    old = await scene.serve(releases.old(pre_deploy=True, gated=True))
    await scene.set_variables(PM33_MIGRATION_PLAN=None)
    if evening.rotated:
        second = await _with_password(scene, database, "second")
        await scene.set_variables(DATABASE_URL=second)
    newer = releases.newer(expands=True)
    plan = await survey(_deploy(newer, evening), tools)
    served = await scene.serve(newer)
    await scene.gone(old.id)
    stored = dict(await scene.platform.variables())
    if not evening.database:
        await scene.stop_database()
        await until(partial(_is_down, scene))
    async with asyncio.timeout(_DEADLINE):
        report = await roll_back(back(evening), tools)
    listed = await scene.platform.deployments()
    since = [one for one in listed if one.created_at > served.created_at]
    return Night(old, plan, stored, report, tuple(reversed(since)))


def assert_back_as_foretold(night: Night, unknowns: Unknowns, evening: Evening) -> None:
    """The old release is back; what stood in its way, the plan had said before."""
    assert night.report.exit_code == 0, night.told
    assert night.attempts[-1].commit == night.old.commit
    assert night.codes >= _foretold(unknowns, evening), night.told
    if evening.variables is None and not _is_as_it_was(night):
        may = unknowns.project_token_may_roll_back
        reasons = {REVERT, UNKNOWN, NEEDS_DATABASE} if may else {_MAY_NOT}
        assert night.codes & reasons, night.told


def _is_as_it_was(night: Night) -> bool:
    """Whether the first attempt has brought it back from its image."""
    (back, *more) = night.attempts
    restored = back.rollback_of == night.old.id
    return restored and back.status is DeploymentStatus.SUCCESS and not more


def _foretold(unknowns: Unknowns, evening: Evening) -> set[str]:
    """The codes of what the plan has to say of its way back."""
    codes = {_MAY_NOT}
    if evening.variables is Variables.CURRENT:
        return codes
    if not unknowns.snapshot_readable:
        return codes | {UNKNOWN}
    if evening.rotated:
        codes.add(REVERT)
    if evening.planned:
        codes.add(NEEDS_DATABASE)
    return codes


async def _is_down(scene: Scene) -> bool:
    """Whether users, and whoever rolls back, see it."""
    return (
        await scene.get("/api/health")
    ).status_code == HTTPStatus.SERVICE_UNAVAILABLE


def _tools(simulated: SimulatedPlatform, scene: Scene) -> Tools:
    repository = Repository(scene.releases.repository.path)
    return tools_of(simulated.config, _ENVIRONMENT, simulated.platform, repository)


def _deploy(commit: str, evening: Evening) -> DeployRequest:
    return DeployRequest(
        environment=_ENVIRONMENT,
        commit=commit,
        actor="test",
        variables=evening.variables,
    )


def back(evening: Evening) -> RollbackRequest:
    """What somebody asks for in the night."""
    return RollbackRequest(
        environment=_ENVIRONMENT,
        actor="test",
        reason=EMERGENCY,
        variables=evening.variables,
    )


async def _with_password(scene: Scene, url: str, password: str) -> str:
    """The same database for a role of its own that has this password from now on."""
    await scene.execute(
        url,
        f"""do $$ begin
        if not exists (select from pg_roles where rolname = '{_ROLE}') then
            create role {_ROLE} superuser login;
        end if;
        alter role {_ROLE} password '{password}';
        end $$""",
    )
    parts = urlsplit(url)
    place = f"{_ROLE}:{password}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=place).geturl()
