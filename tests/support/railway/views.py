"""What is remembered, in the shapes of the schema."""

from datetime import UTC, datetime
from typing import Any

from tests.support.railway.connections import field
from tests.support.railway.faults import Fault
from tests.support.railway.records import Event, Record
from tests.support.railway.world import Environment, Rule, World

__all__ = ["Views"]

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Views:
    """Objects of the schema; fields with arguments are callables."""

    def __init__(self, world: World) -> None:
        self._world = world

    # The account.

    def project(self) -> dict[str, Any]:
        world = self._world
        return {
            "id": world.project.id,
            "name": world.project.name,
            "workspaceId": world.workspace.id,
            "workspace": {"id": world.workspace.id, "name": world.workspace.name},
            "subscriptionType": world.plan.name,
            "createdAt": world.clock.told(_BEGINNING),
            "deletedAt": None,
            "environments": field(
                lambda: [self.environment(one) for one in world.environments]
            ),
            "services": field(
                lambda: [
                    {"id": one.id, "name": one.name, "projectId": world.project.id}
                    for one in (world.service, world.beside)
                ]
            ),
        }

    def environment(self, one: Environment) -> dict[str, Any]:
        world, ours = self._world, one is self._world.environment
        told = world.clock.told(_BEGINNING)
        return {
            "id": one.id,
            "name": one.name,
            "projectId": world.project.id,
            "isEphemeral": one.ephemeral,
            "canAccess": one.accessible,
            "createdAt": told,
            "updatedAt": told,
            "deletedAt": told if one.deleted else None,
            "serviceInstances": field(
                lambda: [self.service_instance()] if ours else []
            ),
            "deployments": field(lambda: self.deployments() if ours else []),
            "deploymentTriggers": field(lambda: [self.trigger()] if ours else []),
            "variables": field(self._variables if ours else list, page=500),
            "volumeInstances": field(self._volumes if ours else list),
        }

    def service_instance(self) -> dict[str, Any]:
        world, service = self._world, self._world.service
        stored = service.stored
        told = world.clock.told(_BEGINNING)
        active = world.roster.active
        if len(active) > 1 and not world.unknowns.two_active_in_overlap:
            active = active[:1]
        shown = world.shown
        source = stored["source"] or {"repo": world.repository.name, "image": None}
        regions = stored["multiRegionConfig"] or {}
        return {
            **stored,
            "id": service.instance,
            "serviceId": service.id,
            "serviceName": service.name,
            "environmentId": world.environment.id,
            "createdAt": told,
            "updatedAt": told,
            "deletedAt": None,
            "source": {"repo": source.get("repo"), "image": source.get("image")},
            # It reads 1 for services of several regions (FACTS §3).
            "numReplicas": 1 if len(regions) > 1 else self._stored_replicas(),
            "isUpdatable": True,
            "domains": self.domains(),
            "edgeConfig": self.edge(),
            "latestDeployment": self.deployment(shown[0]) if shown else None,
            "activeDeployments": [
                self.deployment(world.records[one]) for one in active
            ],
        }

    def trigger(self) -> dict[str, Any]:
        world, service = self._world, self._world.service
        return {
            "id": service.trigger,
            "branch": service.branch,
            "repository": world.repository.name,
            "provider": "github",
            "checkSuites": False,
            "validCheckSuites": 0,
            "environmentId": world.environment.id,
            "projectId": world.project.id,
            "serviceId": service.id,
            "baseEnvironmentOverrideId": None,
        }

    def domains(self) -> dict[str, Any]:
        world, service = self._world, self._world.service
        return {
            "serviceDomains": [
                {
                    "id": service.domain_id,
                    "domain": world.domain,
                    "targetPort": service.target_port,
                    "syncStatus": "ACTIVE",
                    "environmentId": world.environment.id,
                    "serviceId": service.id,
                }
            ],
            "customDomains": [],
        }

    def edge(self) -> dict[str, Any]:
        until = self._world.service.shielded_until
        if until and until <= self._world.clock.now().timestamp():
            until = None
        return {
            "id": self._world.service.instance,
            "enabled": True,
            "underAttackModeUntil": until,
            "overrides": {},
            "purgeEpoch": 0,
            "purgeEpochByKind": {},
        }

    def rule(self, one: Rule) -> dict[str, Any]:
        told = self._world.clock.told(_BEGINNING)
        return {
            "id": one.id,
            "eventTypes": list(one.events),
            "severities": list(one.severities),
            "projectId": one.project,
            "environmentId": None,
            "workspaceId": self._world.workspace.id,
            "createdAt": told,
            "updatedAt": told,
            "channels": [
                {"id": f"{one.id}-{number}", "config": config}
                for number, config in enumerate(one.channels)
            ],
        }

    # Deployments.

    def deployments(self) -> list[dict[str, Any]]:
        """The newest first."""
        found = self._world.shown
        if self._world.faults.take(Fault.STALE_READS):
            found = found[1:]
        return [self.deployment(one) for one in found]

    def deployment(self, one: Record) -> dict[str, Any]:
        world, status = self._world, self._world.status(one)
        told = world.clock.told
        address = world.domain if one.id == world.roster.serving else None
        return {
            "id": one.id,
            "status": one.told_status or status,
            "createdAt": told(one.created_at),
            "updatedAt": told(one.status_at),
            "statusUpdatedAt": told(one.status_at),
            "projectId": world.project.id,
            "environmentId": world.environment.id,
            "serviceId": world.service.id,
            "snapshotId": one.snapshot,
            "canRollback": world.can_roll_back(one),
            "canRedeploy": not status.is_unfinished,
            "deploymentStopped": one.is_stopped,
            "url": address,
            "staticUrl": address,
            "meta": self._meta(one),
            "diagnosis": None,
            "creator": None,
            "suggestAddServiceDomain": False,
            "instances": [{"id": i.id, "status": i.status} for i in one.instances],
            "sockets": [],
        }

    def event(self, one: Event) -> dict[str, Any]:
        told = self._world.clock.told
        end = one.completed_at
        took = None if end is None else (end - one.created_at).total_seconds() * 1000
        return {
            "id": one.id,
            "step": one.step,
            "createdAt": told(one.created_at),
            "completedAt": None if end is None else told(end),
            "payload": {
                "attempt": one.attempt,
                "maxAttempts": None,
                "detail": None,
                "durationMs": None if took is None else int(took),
                "error": one.error,
                "reason": None,
                "skipped": one.skipped,
            },
        }

    def snapshot(self, one: Record) -> dict[str, Any]:
        world = self._world
        told = world.clock.told(one.created_at)
        return {
            "id": one.snapshot,
            "createdAt": told,
            "updatedAt": told,
            "variables": world.readable({**one.variables, **world.injected()}),
        }

    def _meta(self, one: Record) -> dict[str, Any]:
        reason: str | None = one.origin.reason
        if reason == "rollback":
            reason = self._world.rollback_reason
        meta = {
            **one.meta,
            **({} if reason is None else {"reason": reason}),
            "serviceManifest": one.manifest,
            "fileServiceManifest": {},
            "logsV2": True,
            "runtime": "V2",
            "volumeMounts": [self._world.service.volume] * bool(one.image)
            if self._world.service.volume
            else [],
        }
        return meta if one.image is None else {**meta, "imageDigest": one.image}

    def _variables(self) -> list[dict[str, Any]]:
        service = self._world.service
        return [
            {
                "id": f"{service.id}-{name}",
                "name": name,
                "isSealed": name in service.sealed,
                "serviceId": service.id,
                "environmentId": self._world.environment.id,
            }
            for name in service.variables
        ]

    def _volumes(self) -> list[dict[str, Any]]:
        service = self._world.service
        if service.volume is None:
            return []
        return [
            {
                "id": service.instance,
                "serviceId": service.id,
                "mountPath": service.volume,
                "state": "READY",
                "environmentId": self._world.environment.id,
            }
        ]

    def _stored_replicas(self) -> int:
        stored = self._world.service.stored
        regions = stored["multiRegionConfig"] or {}
        counts = [(one or {}).get("numReplicas") or 1 for one in regions.values()]
        return sum(counts) or stored["numReplicas"] or 1
