"""A prober of one odd server, and what a good one says."""

import json
from typing import Any

from app.backend.deploy.watching.probes import HEALTH_PATH, Prober
from app.backend.deploy.watching.samples import ProbeKind, Round, Sample
from tests.support.known_deployment import KnownDeployment
from tests.support.odd_server import OddServer, Step, answer

__all__ = ["DEADLINE", "GOOD", "ROUTE", "asked", "only", "page", "prober"]

DEADLINE = 0.4
ROUTE = "/orders"


def page(status: str = "healthy", **fields: Any) -> bytes:
    check = {"status": status, "critical": True, "shared": False}
    body = {
        "status": status,
        "deployment_id": "d-2",
        "replica_id": "r1",
        "commit": "c0ffee2",
        "checks": {"application": check | fields},
    }
    return json.dumps(body).encode()


GOOD = {HEALTH_PATH: [answer(page())], ROUTE: [answer()]}


def prober(
    url: str | None, platform: KnownDeployment | None = None, **options: Any
) -> Prober:
    usual: dict[str, Any] = {"paths": [ROUTE], "probes": 1, "deadline": DEADLINE}
    known = platform or KnownDeployment()
    return Prober(known, "d-2", url=url, **(usual | options))


def only(samples: Round, kind: ProbeKind) -> Sample:
    [found] = [one for one in samples if one.kind is kind]
    return found


async def asked(server: OddServer, path: str, *steps: Step) -> Sample:
    server.scripts[path] = steps
    samples = await prober(server.url).round()
    return only(samples, ProbeKind.HEALTH if path == HEALTH_PATH else ProbeKind.ROUTE)
