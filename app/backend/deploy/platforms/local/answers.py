"""What the local platform's answers mean: JSON, read into what the pipeline has."""

from datetime import datetime
from pathlib import Path
from typing import Any

from app.backend.deploy.platforms.base import (
    CommandResult,
    Deployment,
    LogLine,
    ReplicaAddress,
    TrafficCounters,
)

__all__ = [
    "addresses",
    "counters",
    "deployments",
    "line",
    "nothing",
    "result",
    "variables",
]


def nothing(_: Any) -> None:
    """What a change answers that has nothing to tell."""


def deployments(body: Any) -> tuple[Deployment, ...]:
    """Several of them."""
    return tuple(map(Deployment.from_dict, body))


def result(body: Any) -> CommandResult:
    """How a command ended."""
    return CommandResult(int(body["code"]), str(body["output"]))


def line(body: Any) -> LogLine:
    """One line of a log."""
    at = datetime.fromisoformat(body["at"])
    return LogLine(at, body["replica"], body["text"])


def variables(body: Any) -> dict[str, str | None]:
    """By name; None: sealed."""
    return {str(name): None if one is None else str(one) for name, one in body.items()}


def addresses(body: Any) -> tuple[ReplicaAddress, ...]:
    """Where replicas listen."""
    return tuple(ReplicaAddress(one["replica"], Path(one["socket"])) for one in body)


def counters(body: Any) -> TrafficCounters:
    """What the proxy has counted."""
    return TrafficCounters(
        requests=body["requests"],
        errors=body["errors"],
        bounds=tuple(body["bounds"]),
        buckets=tuple(body["buckets"]),
    )
