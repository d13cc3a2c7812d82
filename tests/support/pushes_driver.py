"""Deploys in a process of its own, and stops where pushes are switched; run by -m.

The one argument is a JSON object: ``folder`` (of a :class:`.delivery.Delivery`),
``commit``, ``enabled`` (which of the two calls), ``after`` (whether it is done by then)
and ``reached`` (a file that is made there). The process then waits to be killed.
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.backend.deploy.pipeline import deploy
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform


class Stopping(MemoryPlatform):
    """Waits for ever in one of its calls."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__(Path(order["folder"]) / "platform.json")
        self._order = order
        self._reached = Path(order["reached"])

    @override
    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:
        here = enabled == self._order["enabled"]
        if not here or self._order["after"]:
            await super().set_autodeploy(enabled, epoch=epoch)
        if here:
            self._mark()
            await asyncio.Event().wait()

    def _mark(self) -> None:
        self._reached.touch()


async def main(order: dict[str, Any]) -> None:
    delivery = Delivery(Path(order["folder"]))
    tools = replace(delivery.tools, platform=Stopping(order))
    await deploy(delivery.request(order["commit"]), tools)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
