"""The native JSON body of every health endpoint, and its published schema."""

import json
from datetime import datetime
from typing import Any

from app.backend.health.gate import GateFault
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import Verdict
from app.backend.health.snapshot import CheckView, Snapshot

__all__ = ["MEDIA_TYPE", "body_of", "dumps", "encode", "moment", "oldest", "schema"]

MEDIA_TYPE = "application/json"


def encode(
    verdict: Verdict, snapshot: Snapshot, *, details: bool, why: bool = False
) -> bytes:
    """The body as UTF-8 JSON."""
    return dumps(body_of(verdict, snapshot, details=details, why=why))


def dumps(body: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(
        errors="replace"  # half a surrogate pair, from a file name or a driver
    )


def body_of(
    verdict: Verdict, snapshot: Snapshot, *, details: bool, why: bool = False
) -> dict[str, Any]:
    """The body as plain data.

    Args:
        verdict: what the endpoint's policy decided.
        snapshot: what it decided from.
        details: whether the reader may see messages, remedies and data.
        why: whether to say which checks decided.
    """
    body: dict[str, Any] = {
        "status": verdict.status,
        "checked_at": moment(_as_of(verdict, snapshot)),
        **snapshot.identity.to_dict(),
        "stage": snapshot.stage,
        "checks": {view.name: _check(view, details=details) for view in verdict.checks},
    }
    maintenance = snapshot.override(OverrideKind.MAINTENANCE)
    if maintenance is not None:
        body["maintenance_until"] = moment(maintenance.until)
    if details:
        body["gate"] = {
            "passed": snapshot.gate.passed,
            "faults": [_fault(fault) for fault in snapshot.gate.faults],
        }
        body["overrides"] = [one.to_dict() for one in snapshot.overrides]
        body["restarts"] = {k: n for k, n in snapshot.restarts.items() if n}
    if verdict.failures:
        body["failures"] = list(verdict.failures)
    if why:
        body["why"] = list(verdict.why)
    return body


def oldest(verdict: Verdict, snapshot: Snapshot) -> float:
    """The monotonic time of the oldest result in the body."""
    times = [v.checked_monotonic for v in verdict.checks if v.checked_monotonic]
    return min(times, default=snapshot.taken.monotonic)


def _as_of(verdict: Verdict, snapshot: Snapshot) -> datetime:
    times = [view.checked_at for view in verdict.checks if view.checked_at]
    return min(times, default=snapshot.taken.wall)


def _check(view: CheckView, *, details: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": view.status,
        "critical": view.critical,
        "shared": view.shared,
        "checked_at": moment(view.checked_at),
        "valid_until": moment(view.valid_until),
        "latency_ms": None if view.latency_ms is None else round(view.latency_ms, 2),
        "since": moment(view.since),
        "failure": view.failure,
        "latest": {"status": view.latest, "failure": view.latest_failure},
    }
    if details:
        body |= {
            "message": view.message,
            "remedy": view.remedy,
            "data": view.data,
            "flapping": view.flapping,
            "muted": view.muted,
        }
    return body


def _fault(fault: GateFault) -> dict[str, Any]:
    return {
        "source": fault.source,
        "kind": fault.kind,
        "failure": fault.failure,
        "message": fault.message,
        "remedy": fault.remedy,
    }


def moment(at: datetime | None) -> str | None:
    """RFC 3339 with milliseconds."""
    return None if at is None else at.isoformat(timespec="milliseconds")


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the bodies, as served at ``/api/health/schema``."""
    text, when = {"type": "string"}, {"type": ["string", "null"], "format": "date-time"}
    flag = {"type": "boolean"}
    status = {"enum": [str(status) for status in Status]}
    failure = {"enum": [None, *(str(failure) for failure in Failure)]}
    latest = {
        "description": "the newest result, whatever hysteresis makes of it",
        "type": "object",
        "properties": {
            "status": {"enum": [None, *(str(status) for status in Status)]},
            "failure": failure,
        },
        "required": ["status", "failure"],
        "additionalProperties": False,
    }
    check = {
        "type": "object",
        "properties": {
            "status": status,
            "critical": flag,
            "shared": flag,
            "checked_at": when,
            "valid_until": when,
            "latency_ms": {"type": ["number", "null"], "minimum": 0},
            "since": when,
            "failure": failure,
            "latest": latest,
            "message": text,
            "remedy": text,
            "data": {"type": "object"},
            "flapping": flag,
            "muted": flag,
        },
        "required": [
            *("status", "critical", "shared", "checked_at", "valid_until"),
            *("latency_ms", "since", "failure", "latest"),
        ],
        "additionalProperties": False,
    }
    properties: dict[str, Any] = {
        "status": status,
        "checked_at": when,
        "deployment_id": text,
        "replica_id": text,
        "commit": text,
        "version": text,
        "environment": text,
        "stage": {"enum": [str(stage) for stage in Stage]},
        "checks": {"type": "object", "additionalProperties": check},
        "maintenance_until": when,
        "gate": {"type": "object"},
        "overrides": {"type": "array"},
        "restarts": {"type": "object"},
        "failures": {"type": "array", "items": failure},
        "why": {"type": "array", "items": text},
    }
    optional = {"maintenance_until", "gate", "overrides", "restarts"}
    optional |= {"failures", "why"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PM33 Ops health report",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
