"""An old release, a newer one and a database that can go away, on any platform."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.target import parse_target
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus, Platform
from app.backend.migrations.migration_manager import upgrade
from tests.support.local_platform import (
    own_repository,
    running_platform,
    short_home,
)
from tests.support.postgres import fresh_database, open_home

__all__ = ["HEALTH_TIMEOUT", "SCENES", "Releases", "Scene"]

HEALTH_TIMEOUT: Final = 20.0
"""Seconds that a platform gives a release to pass its gate."""

_DEADLINE: Final = 90.0
_EPOCH: Final = 1
_SETTINGS: Final = f"""
[deploy]
startCommand = "pm33 serve"
healthcheckTimeout = {HEALTH_TIMEOUT:g}
overlapSeconds = 0
drainingSeconds = 8
numReplicas = 1
"""
_GATE: Final = 'healthcheckPath = "/api/health/startup"\n'
_PRE_DEPLOY: Final = (
    'preDeployCommand = ["pm33 migrate up --phase expand{plan_from_env}"]\n'
)
_MORE: Final = f'''
"""One more table, which the old release does not know.

Revision ID: 9000_more
Revises: {EXPAND_HEAD}
"""

import sqlalchemy as sa
from alembic import op

revision = "9000_more"
down_revision = "{EXPAND_HEAD}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates a new table only."""
    op.create_table("more", sa.Column("id", sa.Text(), primary_key=True), schema="ops")


def downgrade() -> None:
    """Drops it."""
    op.drop_table("more", schema="ops")
'''


class Releases:
    """Commits of this very project, each with settings of its own.

    Args:
        folder: takes the repository.

    Attributes:
        repository: where the commits are.
    """

    def __init__(self, folder: Path) -> None:
        self.repository = own_repository(folder, _SETTINGS)
        self._old = {
            (pre_deploy, gated): self._commit(
                _SETTINGS
                + _PRE_DEPLOY.format(plan_from_env=" --plan-from-env") * pre_deploy
                + _GATE * gated
            )
            for pre_deploy in (False, True)
            for gated in (False, True)
        }
        newer = _SETTINGS + _PRE_DEPLOY.format(plan_from_env="") + _GATE
        self._same_schema = self._commit(newer)
        versions = self.repository.path / "migrations" / "versions"
        (versions / "9000_more.py").write_text(_MORE.lstrip(), encoding="utf-8")
        subprocess.run(
            (sys.executable, "-m", "app.cli", "migrate", "heads", "--write"),
            cwd=self.repository.path,
            check=True,
        )
        self._expanded = self._commit(newer)

    def old(self, *, pre_deploy: bool, gated: bool) -> str:
        """The release to come back to, with or without these two settings."""
        return self._old[pre_deploy, gated]

    def newer(self, *, expands: bool) -> str:
        """The one that took its place, with or without a revision more."""
        return self._expanded if expands else self._same_schema

    def _commit(self, settings: str) -> str:
        path = self.repository.path / "railway.toml"
        path.write_text(settings, encoding="utf-8")
        self.repository.git("add", "--all")
        self.repository.git("commit", "--quiet", "--allow-empty", "--message", "one")
        return self.repository.git("rev-parse", "HEAD")


class Scene:
    """A platform with releases to run and a PostgreSQL that they use.

    Args:
        platform: that the releases are known to.
        releases: to deploy.
        home: the server's.
    """

    def __init__(self, platform: Platform, releases: Releases, home: Path) -> None:
        self.platform = platform
        self.releases = releases
        self._home = home
        self._server: EmbeddedServer | None = None
        self._acts = 0

    async def start_database(self) -> EmbeddedServer:
        """Starts PostgreSQL where it was before, unless it runs; then migrates it."""
        if self._server is None:
            places = Places(scratch=self._home)
            self._server = await start(self._home, durable=False, places=places)
            # What new databases are copied from.
            target = parse_target(SecretStr(self._server.url), DatabaseSettings())
            await upgrade(target)
        return self._server

    async def stop_database(self) -> None:
        """Stops PostgreSQL; it does nothing to a stopped one."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """A new database at the old release's schema; it runs again afterwards."""
        async with AsyncExitStack() as stack:
            server = await self.start_database()
            url = await stack.enter_async_context(fresh_database(server))
            stack.push_async_callback(self.start_database)
            yield url

    async def execute(self, url: str, statement: str, *values: str) -> None:
        """Runs a statement as somebody who may do everything."""
        connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close(timeout=30)

    async def set_variables(self, **values: str | None) -> None:
        """Of the next deployment."""
        await self.platform.set_variables(values, epoch=_EPOCH)

    async def serve(self, commit: str) -> Deployment:
        """Deploys a commit and switches to it."""
        self._acts += 1
        tag = f"act-{self._acts}"
        begun = await self.platform.deploy(commit, tag=tag, epoch=_EPOCH)
        ready = await self.settled(begun.id)
        assert not ready.status.is_over, await self.told(ready)
        await self.platform.switch(begun.id, epoch=_EPOCH)
        return await self.settled(begun.id, serving=True)

    async def roll_back(self, target: str, variables: str) -> Deployment:
        """Returns to a deployment, to whatever end."""
        self._acts += 1
        begun = await self.platform.roll_back(
            target, tag=f"act-{self._acts}", epoch=_EPOCH, variables=variables
        )
        return await self.settled(begun.id, serving=True)

    async def settled(self, deployment: str, *, serving: bool = False) -> Deployment:
        """Waits until it is over, or serves, or waits for the switch."""
        async with asyncio.timeout(_DEADLINE):
            async for state in self.platform.follow(deployment):
                if state.status is DeploymentStatus.READY and not serving:
                    break
        return state

    async def gone(self, deployment: str) -> None:
        """Waits until no process of it runs."""
        async with asyncio.timeout(_DEADLINE):
            while True:
                state = await self.platform.deployment(deployment)
                if state.status is DeploymentStatus.REMOVED:
                    return
                await asyncio.sleep(0.05)

    async def told(self, deployment: Deployment) -> str:
        """Everything that the platform says of how it went."""
        lines = [one.text async for one in self.platform.logs(deployment.id, limit=30)]
        return "\n".join((deployment.status, deployment.reason, *lines))

    async def get(self, path: str, token: str | None = None) -> httpx.Response:
        """What a user is answered, over a new connection."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            return await http.get(await self.platform.url() + path, headers=headers)


@asynccontextmanager
async def _local(folder: Path) -> AsyncIterator[Scene]:
    releases = Releases(folder)
    with short_home() as home, open_home() as data:
        async with running_platform(home, releases.repository) as platform:
            scene = Scene(platform, releases, data)
            try:
                yield scene
            finally:
                await scene.stop_database()


SCENES: Final = {"local": _local}
"""How to come by a platform, by its name; each takes a folder of its own."""
