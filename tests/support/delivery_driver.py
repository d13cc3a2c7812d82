"""Deploys in a process of its own, and stops at one edge of one step; run as a module.

The one argument is a JSON object: ``checkout``, ``commit``, ``step``, ``milestone``,
``reached`` (a file that is made there), and ``scenario``. The process then waits to be
killed. Scenarios: ``good``; ``bad``, which turns bad once it is watched; ``withdrawn``,
which is interrupted at the gate. Where the platform is, the environment says.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.backend.config.environment import read_config
from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.pipeline import deploy
from app.backend.deploy.tools import Milestone, Tools
from tests.support.delivery import KnownSchema
from tests.support.local_delivery import local_tools, request

PENDING = Revision(
    id="0001",
    follows=(),
    needs=(),
    labels=("expand",),
    title="",
    file="migrations/versions/1.py",
)


class Stops:
    """Waits at one milestone for ever."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self.tools: Tools | None = None

    async def at(self, step: str, milestone: Milestone) -> None:
        scenario = self._order["scenario"]
        if scenario == "bad" and (step, milestone) == ("bake", Milestone.AFTER_CALL):
            self._mark("turn_bad")
        if (step, milestone) == (self._order["step"], self._order["milestone"]):
            self._mark("reached")
            await asyncio.Event().wait()
        gate = (step, milestone) == ("gate", Milestone.AFTER_CALL)
        if scenario == "withdrawn" and gate and self.tools is not None:
            self.tools.interrupt.ask()

    def _mark(self, name: str) -> None:
        Path(self._order[name]).touch()


async def main(order: dict[str, Any]) -> None:
    said: list[str] = []
    stops = Stops(order)
    tools = local_tools(read_config(os.environ), Path(order["checkout"]), said)
    migrates = order["step"] == "expand"
    if migrates:
        tools = replace(tools, schema=KnownSchema((PENDING,)))
    tools = stops.tools = replace(tools, milestone=stops.at)
    report = await deploy(request(order["commit"], migrate=migrates), tools)
    sys.stdout.write("\n".join((*said, report.text(), "")))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
