"""Railway's webhooks: of each change, perhaps twice, perhaps late (FACTS §7)."""

import ssl
from typing import Any, Final

from tests.support.railway.faults import Fault
from tests.support.railway.handover import Tasks
from tests.support.railway.lifecycle import Status
from tests.support.railway.records import Record
from tests.support.railway.world import World

__all__ = ["Webhooks"]

_TYPES: Final = {
    Status.BUILDING: "Deployment.building",
    Status.DEPLOYING: "Deployment.deploying",
    Status.SUCCESS: "Deployment.deployed",
    Status.FAILED: "Deployment.failed",
    Status.CRASHED: "Deployment.crashed",
    Status.REMOVED: "Deployment.removed",
    Status.SLEEPING: "Deployment.slept",
    Status.NEEDS_APPROVAL: "Deployment.needs_approval",
}
_DEADLINE: Final = 5.0


class Webhooks:
    """Who is told, and what has been.

    Attributes:
        addresses: each of them gets every body.
        sent: every body, as often as it was sent to somebody.
    """

    def __init__(self, world: World, tasks: Tasks) -> None:
        self._world = world
        self._tasks = tasks
        self.addresses: list[str] = []
        self.sent: list[dict[str, Any]] = []

    def changed(self, record: Record, status: Status) -> None:
        """A deployment has another status."""
        kind = _TYPES.get(status)
        if kind is None:
            return
        body = self.body(record, kind, status)
        for address in self.addresses:
            self._tasks.begin(self._send(address, body))

    def body(self, record: Record, kind: str, status: Status) -> dict[str, Any]:
        """What is told of one change."""
        world = self._world
        return {
            "type": kind,
            "details": {
                "id": record.id,
                "status": status,
                "source": "GitHub",
                "branch": record.meta.get("branch"),
                "commitHash": record.commit,
                "commitAuthor": record.meta.get("commitAuthor"),
                "commitMessage": record.meta.get("commitMessage"),
            },
            "resource": {
                "workspace": _named(world.workspace),
                "project": _named(world.project),
                "environment": {**_named(world.environment), "isEphemeral": False},
                "service": {"id": world.service.id, "name": world.service.name},
                "deployment": {"id": record.id},
            },
            "severity": "INFO",
            "timestamp": world.clock.told(record.status_at),
        }

    async def _send(self, address: str, body: dict[str, Any]) -> None:
        import httpx  # noqa: PLC0415 - only where somebody listens

        faults, kind = self._world.faults, body["type"]
        commit = body["details"]["commitHash"]
        late = faults.take(Fault.WEBHOOKS_LATE, operation=kind, commit=commit)
        twice = faults.take(Fault.WEBHOOKS_TWICE, operation=kind, commit=commit)
        if late is not None:
            await self._world.clock.sleep(late.lasting(10.0))
        # They stay on this machine: nobody's certificates are needed.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(
            timeout=_DEADLINE, trust_env=False, verify=context
        ) as client:
            for _ in range(2 if twice else 1):
                self.sent.append(body)
                try:
                    await client.post(address, json=body)
                except httpx.HTTPError:
                    # Whoever does not listen is not told again.
                    return


def _named(one: Any) -> dict[str, str]:
    return {"id": one.id, "name": one.name}
