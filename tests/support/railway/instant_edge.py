"""An edge for a ground without processes: what users would be answered, over HTTP.

Releases are not run, so their health pages are written here, from what the simulator
knows of them. What no release answers the edge answers itself, as Railway's does (FACTS
§5): 404 where nothing serves, 502 where nobody listens.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from typing_extensions import override

from app.backend.health.models import Status
from tests.support.railway.aftermath import RESTARTING
from tests.support.railway.containers import replica_id
from tests.support.railway.exchange import Answer, of_json, read_request
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import InstanceStatus
from tests.support.railway.records import Record
from tests.support.railway.simulator import Simulator

__all__ = ["InstantEdge", "UsedGround", "instant_edge"]

_FALLBACK: Final = {"x-railway-fallback": "true"}
_TOOK: Final = 0.05


class InstantEdge:
    """Answers for whatever serves.

    Attributes:
        simulator: whose releases these are; set once there is one.
        bad: commits that answer 500 to everything.
        claimed: a deployment in whose name everything is answered; None: the truth.
        nameless: no answer says whose it is, as those of other services.
        url: where it listens.
        heard: every request with its headers.
    """

    def __init__(self) -> None:
        self.simulator: Simulator | None = None
        self.bad: set[str] = set()
        self.claimed: str | None = None
        self.nameless = False
        self.heard: list[str] = []
        self.url = ""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, and one request on it."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                asked = await read_request(reader)
                self.heard.append(f"{asked.path} {dict(asked.headers)}")
                writer.write(self._answer(asked.path).encode())
                await writer.drain()
        finally:
            writer.close()

    def _answer(self, path: str) -> Answer:
        simulator = self.simulator
        record = None if simulator is None else simulator.serving
        if simulator is None or record is None:
            told = {"message": "Application not found"}
            return of_json(told, HTTPStatus.NOT_FOUND, _FALLBACK)
        if not self._listens(simulator, record):
            told = {"message": "Application failed to respond"}
            return of_json(told, HTTPStatus.BAD_GATEWAY, _FALLBACK)
        who = self._who(record)
        if record.commit in self.bad:
            return of_json({}, HTTPStatus.INTERNAL_SERVER_ERROR, who)
        if not path.startswith("/api/health"):
            return of_json({"version": "1"}, headers=who)
        ground = simulator.world.ground
        assert isinstance(ground, UsedGround)
        well = ground.reaches_database(record)
        return of_json(
            _page(simulator, record, Status.HEALTHY if well else Status.UNHEALTHY),
            HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE,
            who | {"x-health-age": "0"},
        )

    def _who(self, record: Record) -> dict[str, str]:
        if self.nameless:
            return {}
        return {
            "x-pm33-deployment": self.claimed or record.id,
            "x-pm33-replica": replica_id(record.id, 0),
        }

    def _listens(self, simulator: Simulator, record: Record) -> bool:
        ground = simulator.world.ground
        assert isinstance(ground, InstantGround)
        up = record.instances[0].status is InstanceStatus.RUNNING
        return up and ground.aimed and record.id in ground.running


class UsedGround(InstantGround):
    """One whose users ask for something every second, and are answered well."""

    def __init__(self) -> None:
        super().__init__()
        self.switches: list[tuple[datetime, str | None]] = []
        self.simulator: Simulator | None = None

    def reaches_database(self, record: Record) -> bool:  # noqa: ARG002 - all do here
        """Whether a release can log in to its database now."""
        return True

    @override
    async def switch(self, deployment: str | None) -> None:
        await super().switch(deployment)
        assert self.simulator is not None
        self.switches.append((self.simulator.world.clock.now(), deployment))

    @override
    def served(self, since: datetime, until: datetime) -> Sequence[EdgeRequest]:
        found = []
        now = [self.simulator.world.clock.now()] if self.simulator else []
        at = max([since, *(began for began, _ in self.switches[:1])])
        ends = min([until, *now]) if self.switches else at
        while (at := at.replace(microsecond=0) + timedelta(seconds=1)) < ends:
            before = [one for began, one in self.switches if began <= at]
            if before and before[-1] is not None:
                found.append(
                    EdgeRequest(
                        at=at,
                        deployment=before[-1],
                        status=HTTPStatus.OK,
                        seconds=_TOOK,
                    )
                )
        # Five requests in each second are told apart by nothing but their number.
        return [replace(one) for one in found for _ in range(5)]


def _page(simulator: Simulator, record: Record, status: Status) -> dict[str, Any]:
    """A health page (contract §1) of a process that is well, but for its database."""
    now = simulator.world.clock.now()
    restarts = [
        line.at for line in record.deploy_lines.all() if line.message == RESTARTING
    ]
    since = max([record.created_at, *restarts]).isoformat()
    check = {
        "status": "healthy",
        "critical": True,
        "checked_at": now.isoformat(),
        "since": since,
    }
    return {
        "status": status,
        "deployment_id": record.id,
        "replica_id": replica_id(record.id, 0),
        "commit": record.commit,
        "checks": {
            "application": {**check, "shared": False},
            "database": {**check, "status": status, "shared": True},
        },
    }


@asynccontextmanager
async def instant_edge() -> AsyncIterator[InstantEdge]:
    """Serves on loopback until the end."""
    edge = InstantEdge()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(edge.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    edge.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield edge
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
