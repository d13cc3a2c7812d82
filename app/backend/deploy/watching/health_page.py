"""Reads what a health endpoint has answered. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.backend.deploy.watching.samples import CheckReading
from app.backend.health.models import Status

__all__ = ["HealthPage", "HealthPageError", "read_health_page"]

_JSON = "application/json"
_FEWEST = 2
"""A process is told to be new by several checks that began together."""


class HealthPageError(ValueError):
    """It is no health page; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPage:
    """What a replica says of itself, in the words of a sample."""

    deployment: str | None
    replica: str | None
    commit: str | None
    checks: tuple[CheckReading, ...]
    born: datetime | None
    seen: datetime | None


def read_health_page(
    body: bytes, headers: Mapping[str, str], answered: float
) -> HealthPage:
    """Reads the native body (contract §1).

    A check's raw result is its ``latest``; a release that does not tell it is taken by
    its status. When a check has run is computed from ``x-health-age``, so that no two
    machines' clocks have to agree.

    Args:
        body: of the answer.
        headers: of the answer, names in lower case.
        answered: monotonic seconds at which it came.

    Raises:
        HealthPageError: it is no such body.
    """
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _JSON:
        raise HealthPageError(f"answered with {media[:40] or 'no content type'}")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise HealthPageError("the body is no JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get("status"), str):
        raise HealthPageError("the body is no health report")
    checks = told.get("checks", {})
    if not isinstance(checks, dict) or not all(map(_is_object, checks.values())):
        raise HealthPageError("the body is no health report")
    seen = [at for one in checks.values() if (at := _time(one.get("checked_at")))]
    oldest = _answered_from(headers, answered)
    return HealthPage(
        deployment=_text(told.get("deployment_id")),
        replica=_text(told.get("replica_id")),
        commit=_text(told.get("commit")),
        checks=tuple(
            _reading(name, one, oldest, min(seen, default=None))
            for name, one in checks.items()
        ),
        born=_born(checks),
        seen=max(seen, default=None),
    )


def _reading(
    name: str, check: Mapping[str, Any], oldest: float | None, first: datetime | None
) -> CheckReading:
    at = _time(check.get("checked_at"))
    looked = None
    if oldest is not None and first is not None and at is not None:
        looked = oldest + (at - first).total_seconds()
    return CheckReading(
        name=name,
        status=_raw_status(check),
        critical=check.get("critical") is True,
        shared=check.get("shared") is True,
        looked=looked,
    )


def _raw_status(check: Mapping[str, Any]) -> Status:
    status, latest = _status(check.get("status")), check.get("latest")
    if status in {Status.UNKNOWN, Status.SKIPPED} or not isinstance(latest, dict):
        return status
    return _status(latest.get("status"))


def _status(word: object) -> Status:
    """A word of a later version is not understood, and so unknown."""
    try:
        return Status(str(word))
    except ValueError:
        return Status.UNKNOWN


def _answered_from(headers: Mapping[str, str], answered: float) -> float | None:
    """When the oldest result in the body was found, on this process's clock."""
    try:
        age = float(headers["x-health-age"])
    except (KeyError, ValueError):
        return None
    return answered - age if math.isfinite(age) else None


def _born(checks: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    known = [one for one in checks.values() if one.get("status") != Status.UNKNOWN]
    since = [at for one in known if (at := _time(one.get("since")))]
    return min(since) if len(since) >= _FEWEST else None


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
