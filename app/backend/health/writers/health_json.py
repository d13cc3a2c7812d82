"""``application/health+json``, as draft-inadarei-api-health-check-06 describes it."""

from typing import Any

from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import Verdict
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers import native
from app.backend.health.writers.wish import Wish

__all__ = ["MEDIA_TYPE", "body_of", "encode", "schema"]

MEDIA_TYPE = "application/health+json"

_WORDS = {
    Status.HEALTHY: "pass",
    Status.DEGRADED: "warn",
    Status.UNKNOWN: "warn",
    Status.UNHEALTHY: "fail",
}
_TYPES = {
    "application": "system",
    "cache": "datastore",
    "database": "datastore",
    "system": "system",
}


def encode(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> bytes:
    """The body as UTF-8 JSON."""
    return native.dumps(body_of(verdict, snapshot, wish))


def body_of(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> dict[str, Any]:
    """The body as plain data.

    The draft ties the word at the top to the status code (its section 3.1): ``fail``
    exactly where the endpoint does not answer 200. What only degrades is ``warn``.
    """
    identity = snapshot.identity
    healthy = verdict.status is Status.HEALTHY
    word = ("pass" if healthy else "warn") if verdict.ok else "fail"
    body: dict[str, Any] = {
        "status": word,
        "version": identity.version,
        "releaseId": identity.commit,
        "serviceId": identity.deployment_id,
        "description": (
            f"{wish.subject} of replica {identity.replica_id}, {identity.environment}"
        ),
    }
    notes = _notes(snapshot)
    if notes:
        body["notes"] = notes
    if wish.details and word != "pass" and verdict.why:
        body["output"] = ", ".join(verdict.why)
    body["checks"] = {
        f"{view.name}:responseTime": [_component(view, verdict, wish)]
        for view in verdict.checks
    }
    return body


def _notes(snapshot: Snapshot) -> list[str]:
    """What native says in ``stage`` and ``maintenance_until``."""
    notes = []
    if snapshot.stage is not Stage.SERVING:
        notes.append(f"the replica is {snapshot.stage}")
    maintenance = snapshot.override(OverrideKind.MAINTENANCE)
    if maintenance is not None:
        notes.append(f"maintenance until {native.moment(maintenance.until)}")
    return notes


def _component(view: CheckView, verdict: Verdict, wish: Wish) -> dict[str, Any]:
    """One check; the keys that the draft does not name are its "additional keys"."""
    body: dict[str, Any] = {
        "componentId": view.name,
        "componentType": _TYPES.get(view.name, "component"),
    }
    if view.latency_ms is not None:
        body |= {"observedValue": round(view.latency_ms, 2), "observedUnit": "ms"}
    # The draft has no word for what is not configured, and does not ask for one.
    word = "fail" if view.name in verdict.failed else _WORDS.get(view.status)
    if word is not None:
        body["status"] = word
    if view.checked_at is not None:
        body["time"] = native.moment(view.checked_at)
    output = _output(view, details=wish.details)
    if word not in {None, "pass"} and output:
        body["output"] = output
    body |= {"state": view.status, "critical": view.critical, "failure": view.failure}
    if wish.details:
        body |= {"remedy": view.remedy, "data": view.data}
    return body


def _output(view: CheckView, *, details: bool) -> str:
    parts = (view.failure, view.message if details else "")
    return ": ".join(part for part in parts if part)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of these bodies: the draft's fields, and ours."""
    text = {"type": "string"}
    word = {"enum": ["pass", "warn", "fail"]}
    component = {
        "type": "object",
        "properties": {
            "componentId": text,
            "componentType": {"enum": ["component", "datastore", "system"]},
            "observedValue": {"type": "number", "minimum": 0},
            "observedUnit": {"const": "ms"},
            "status": word,
            "time": {"type": "string", "format": "date-time"},
            "output": text,
            "state": {"enum": [str(status) for status in Status]},
            "critical": {"type": "boolean"},
            "failure": {"enum": [None, *(str(failure) for failure in Failure)]},
            "remedy": text,
            "data": {"type": "object"},
        },
        "required": ["componentId", "componentType", "state", "critical", "failure"],
        "dependentRequired": {"observedValue": ["observedUnit"]},
        "additionalProperties": False,
    }
    properties: dict[str, Any] = {
        "status": word,
        "version": text,
        "releaseId": text,
        "serviceId": text,
        "description": text,
        "checks": {
            "type": "object",
            "propertyNames": {"pattern": "^[^:]+:[^:]+$"},
            "additionalProperties": {"type": "array", "items": component},
        },
        "notes": {"type": "array", "items": text},
        "output": text,
    }
    optional = {"notes", "output"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PM33 Ops health report as application/health+json",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
