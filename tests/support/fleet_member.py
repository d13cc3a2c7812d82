"""A replica's health without a server, as a process: ``-m tests.support.fleet_member``.

It is set by the environment as the service is, and runs until SIGTERM or SIGKILL. It
prints a line for each newest result of the check named first, as JSON.
"""

import asyncio
import json
import signal
import sys

from app.backend.config.environment import get_config
from app.backend.health.service import HealthService
from app.backend.monitoring.redaction import Redactor
from app.backend.resources import open_resources

__all__ = ["main"]

_POLL = 0.02


async def main(check: str) -> None:
    """Runs until it is told to stop."""
    config, ended = get_config(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with open_resources(config) as resources:
        service = HealthService(config, resources, Redactor(config.secrets()))
        await service.start()
        watcher = asyncio.create_task(_watch(service, check))
        try:
            await ended.wait()
        finally:
            watcher.cancel()
            await service.stop()


async def _watch(service: HealthService, check: str) -> None:
    told = None
    while True:
        view = service.board.view(check)
        if view is not None and view.checked_at not in {None, told}:
            told = view.checked_at
            event = {
                "by": view.data.get("observed_by"),
                "status": view.status,
                "latest": view.latest,
                "me": service.identify().replica_id,
            }
            print(json.dumps(event), flush=True)  # noqa: T201 - to whoever started it
        await asyncio.sleep(_POLL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
