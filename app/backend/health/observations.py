"""What one replica has found for all of them, as it is stored and read. Pure."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.backend.database.storable import storable
from app.backend.health.backoff import pause_after
from app.backend.health.models import JITTER, CheckPolicy, CheckResult, Failure, Status

__all__ = ["FORMAT", "Finding", "Observation", "decode", "encode", "next_finding"]

FORMAT: Final = 1
"""Of what is stored; replicas of two formats share nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A result, and what follows from it for everybody.

    Attributes:
        result: redacted, and nothing but JSON.
        run: how many findings in a row have had this status, this one included.
        pause: seconds from it to the next attempt.
    """

    result: CheckResult
    run: int
    pause: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A published finding.

    Attributes:
        by: the replica that asked.
        at: when, on the database's clock; tells one observation from another.
        age: seconds since then, on the same clock.
    """

    finding: Finding
    by: str
    at: datetime
    age: float

    def is_stale(self, policy: CheckPolicy) -> bool:
        """Whether it is too old to be believed."""
        return self.age >= policy.validity_after(self.finding.pause)


def next_finding(
    result: CheckResult,
    last: Finding | None,
    policy: CheckPolicy,
    jitter: random.Random,
) -> Finding:
    """What follows from a result, by what was found before it.

    The run decides how long the component is left alone, not what this replica's own
    status is: one that has only just started takes its first result for certain, and
    would have all of them wait for an hour.

    Args:
        result: redacted, and nothing but JSON.
        last: the newest one before; None: there is none that can be believed.
        policy: of the check.
        jitter: of the pause, as a replica that asks alone has it.
    """
    # The first one counts at once, as it does for a status.
    run = policy.fall
    if last is not None:
        run = last.run + 1 if last.result.status is result.status else 1
    part = jitter.uniform(0, JITTER)
    pause = pause_after(result, policy, sure=run >= policy.fall)
    # Somebody has asked for it: later, but not sooner.
    pause = pause * (1 + part) if pause else policy.period * (1 - part)
    return Finding(result=result, run=run, pause=pause)


def encode(finding: Finding) -> str:
    """The text of a ``jsonb`` value; ``Retry-After`` is in the pause."""
    result = finding.result
    return json.dumps(
        storable(
            {
                "run": finding.run,
                "pause": finding.pause,
                "status": result.status.value,
                "failure": result.failure and result.failure.value,
                "message": result.message,
                "remedy": result.remedy,
                "data": result.data,
                "latency_ms": result.latency_ms,
                "transient": result.transient,
            }
        )
    )


def decode(text: str) -> Finding | None:
    """The finding; None where it is none that this release can read."""
    try:
        body = json.loads(text)
        return Finding(
            result=_result_of(body),
            run=int(body["run"]),
            pause=float(body["pause"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _result_of(body: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        status=Status(body["status"]),
        failure=Failure(body["failure"]) if body["failure"] else None,
        message=body["message"],
        remedy=body["remedy"],
        data=body["data"],
        latency_ms=body["latency_ms"],
        transient=bool(body["transient"]),
    )
