"""How the platform stands: what ``pm33 platform status`` shows."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.platforms.local.attendants import Database, Proxy
from app.backend.deploy.platforms.local.restarts import Beginning
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.state import PlatformState

__all__ = ["replicas_of", "standing"]


def standing(
    state: PlatformState, *, supervisor: Beginning, proxy: Proxy, database: Database
) -> dict[str, Any]:
    """Everything but the deployments, JSON-ready.

    Args:
        state: as it is written down.
        supervisor: since when this process has run.
        proxy: who listens for users.
        database: the platform's own.
    """
    server, problem = database.server, proxy.problem
    return {
        "pid": os.getpid(),
        "supervisor": {
            "pid": os.getpid(),
            "since": supervisor.at.isoformat(),
            "why": supervisor.why or None,
        },
        "repository": state.repository,
        "environment": state.environment,
        "host": state.host,
        "port": state.port,
        "url": f"http://{_reachable(state.host)}:{state.port}",
        "epoch": state.epoch,
        "active": state.active,
        "proxy": {
            "pid": proxy.pid,
            "problem": None if problem is None else str(problem),
            "remedy": None if problem is None else problem.remedy,
            **_since(proxy.beginning),
        },
        "database": {
            "pid": None if server is None else server.pid,
            "version": None if server is None else server.version,
            "problem": str(database.problem or "") or None,
            "starting": database.starting,
            **_since(database.beginning),
        },
    }


async def replicas_of(
    deployments: list[Deployment], roster: Roster
) -> Mapping[str, list[dict[str, Any]]]:
    """What has become of the processes of those deployments that have some."""
    lives = (roster.lives.get(one.id) for one in deployments)
    running = {
        life.id: life.replicas
        for life in lives
        if life is not None and life.replicas is not None
    }
    found = await asyncio.gather(*(one.standing() for one in running.values()))
    return dict(zip(running, found, strict=True))


def _since(beginning: Beginning | None) -> dict[str, Any]:
    return {} if beginning is None else beginning.to_dict()


def _reachable(host: str) -> str:
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
