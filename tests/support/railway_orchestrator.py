"""One of several that deploy to Railway, with a lease in PostgreSQL; run as a module.

The one argument is a JSON object: ``checkout``, ``bake`` in seconds, and ``commit``, or
null to go on with what another has begun. How it ends is the last line of what is
written. Where Railway and the state database are, the environment says.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app.backend.config.environment import read_config
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.leasing import StateLeases
from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.platforms.railway.connection import connect
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Tools, tools_of
from app.errors import OpsError
from tests.support.delivery import KnownSchema
from tests.support.railway_platform import ENVIRONMENT

TTL: Final = 3.0
"""Seconds of a lease that is not renewed."""


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


async def main(order: dict[str, Any]) -> None:
    async with _tools(Path(order["checkout"])) as tools:
        try:
            if order["commit"] is None:
                report = await resume(tools, actor="the successor")
            else:
                wanted = DeployRequest(
                    environment=ENVIRONMENT,
                    commit=order["commit"],
                    actor="the first",
                    bake=order["bake"],
                    gate_hold=0.4,
                    monitor_interval=0.2,
                )
                report = await deploy(wanted, tools)
        except OpsError as error:
            _say(f"{error}; {error.remedy}")
            ended = type(error).__name__
        else:
            _say(report.text())
            ended = str(report.ending)
    _say(ended)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
