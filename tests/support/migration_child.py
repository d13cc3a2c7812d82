"""Migrates in a process of its own, and stands still at a chosen event; see migrating.

The one argument is a JSON object: ``url``, ``folder`` of the revisions, ``barrier``,
the number of the event at which it stands still (none: never), and options of the run.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from app.backend.migrations.running.events import MigrationEvent
from app.backend.migrations.running.runner import Runner
from app.backend.migrations.running.stopping import StopSign
from app.cli.migrate.stopping import stopped_by_signals
from app.errors import OpsError
from tests.support.migrating import STEADY, config_of, options_of, target_of


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main(order: dict[str, Any]) -> int:
    url, folder = order.pop("url"), Path(order.pop("folder"))
    barrier, number = order.pop("barrier", None), 0

    def told(event: MigrationEvent) -> None:
        nonlocal number
        number += event.kind in STEADY
        tell(number=number, **{**event.to_dict(), "text": str(event)})
        while number == barrier:
            time.sleep(0.05)

    stop = StopSign()
    runner = Runner(
        config_of(folder),
        target_of(url),
        "heads",
        decide=lambda *_: True,
        options=options_of(order),
        stop=stop,
        tell=told,
    )
    try:
        asyncio.run(stopped_by_signals(runner.run(), stop))
    except OpsError as error:
        tell(error=type(error).__name__, message=str(error), remedy=error.remedy)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
