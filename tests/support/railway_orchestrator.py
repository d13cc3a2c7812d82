"""One of several that deploy to Railway, with a lease in PostgreSQL; run as a module.

The one argument is a JSON object: ``checkout``, ``does``, a member of :class:`Does`,
and for a deploy ``commit``, and ``bake`` in seconds. How it ends is the last line of
what is written. Where Railway and the state database are, the environment says.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from app.backend.config.environment import read_config
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.leasing import StateLeases
from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.platforms.railway.connection import connect
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import EMERGENCY, DeployRequest, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Tools, tools_of
from app.errors import OpsError
from tests.support.delivery import KnownSchema
from tests.support.railway_platform import ENVIRONMENT

TTL: Final = 3.0
"""Seconds of a lease that is not renewed."""

_QUICK: Final = {"gate_hold": 0.4, "monitor_interval": 0.2}


class Does(StrEnum):
    """What a process does."""

    DEPLOY = "deploys a commit"
    RESUME = "goes on with what another has begun"
    GO_BACK = "rolls back in an emergency"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@asynccontextmanager
async def _tools(checkout: Path) -> AsyncIterator[Tools]:
    config = read_config(os.environ)

    async def no_settings(_commit: str) -> str:
        return ""

    platform = RailwayPlatform(
        connect(config, ENVIRONMENT, say=_say),
        config,
        ENVIRONMENT,
        repository_settings=no_settings,
    )
    made = tools_of(config, ENVIRONMENT, platform, Repository(checkout), say=_say)
    leases = StateLeases(config, ttl=TTL)
    try:
        yield replace(made, leases=leases, schema=KnownSchema())
    finally:
        await platform.close()


async def _report(order: dict[str, Any], tools: Tools) -> RunReport:
    does, actor = Does(order["does"]), "somebody"
    if does is Does.RESUME:
        return await resume(tools, actor=actor)
    given: dict[str, Any] = {"environment": ENVIRONMENT, "actor": actor, **_QUICK}
    if does is Does.GO_BACK:
        return await roll_back(RollbackRequest(reason=EMERGENCY, **given), tools)
    wanted = {"commit": order["commit"], "bake": order["bake"]}
    return await deploy(DeployRequest(**wanted, **given), tools)


async def main(order: dict[str, Any]) -> None:
    async with _tools(Path(order["checkout"])) as tools:
        try:
            report = await _report(order, tools)
        except OpsError as error:
            _say(f"{error}; {error.remedy}")
            ended = type(error).__name__
        else:
            _say(report.text())
            ended = str(report.ending)
    _say(ended)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
