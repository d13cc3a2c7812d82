"""Goes down in a process of its own, and stands still at a chosen event.

The one argument is a JSON object: ``url``, ``folder`` of the revisions, ``to``, and
``barrier``, the number of the event at which it stands still (none: never), or
``before``, words of a statement that is not sent until there is a file ``go``.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from app.backend.migrations.back.downgrade import runner_down
from app.backend.migrations.back.keeping import PREPARE
from app.backend.migrations.running.events import Happening, MigrationEvent
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign
from app.cli.migrate.stopping import stopped_by_signals
from app.errors import OpsError
from tests.support.migrating import STEADY
from tests.support.ways_down import ACCEPTED, Place


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def go(order: dict[str, Any]) -> None:
    place, number = Place(order["url"], Path(order["folder"])), 0
    barrier = order.get("barrier", 0)

    def told(event: MigrationEvent) -> None:
        nonlocal number
        number += event.kind in STEADY
        tell(number=number, **event.to_dict())
        while number == barrier or _is_held(event, order):
            time.sleep(0.05)

    way = await place.find(order["to"])
    await place.execute(PREPARE)
    stop = StopSign()
    runner = runner_down(
        place.target,
        way,
        acceptance=ACCEPTED,
        options=RunOptions(lease_ttl=order["lease_ttl"]),
        stop=stop,
        tell=told,
        config=place.config,
    )
    await stopped_by_signals(runner.run(), stop)


def _is_held(event: MigrationEvent, order: dict[str, Any]) -> bool:
    words = order.get("before")
    if words is None or event.kind is not Happening.STATEMENT:
        return False
    mine = words in (event.statement or "")
    return mine and not Path(order["folder"], "go").exists()


def main(order: dict[str, Any]) -> int:
    try:
        asyncio.run(go(order))
    except OpsError as error:
        tell(error=type(error).__name__, message=str(error), remedy=error.remedy)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
