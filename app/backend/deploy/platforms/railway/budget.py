"""Whether the requests that Railway still lets us make are enough for a run. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from app.backend.deploy.platforms.base import RequestsMade
from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.railway.quota import Quota

__all__ = ["ENOUGH", "LEAST", "concerns_of", "made"]

LEAST: Final = 31
"""Requests of a deploy that turns bad late, and of its way back, as slow as they come,
from the plan to the end: each number above was tried at the simulated Railway."""

ENOUGH: Final = 40
"""Requests with which a release is watched as closely as it should be."""


def concerns_of(quota: Quota) -> Iterator[Concern]:
    """What is to be said before a deploy; nothing where Railway tells no limit."""
    left, limit, resets_at = quota.left, quota.limit, quota.resets_at
    if left is None or limit is None or resets_at is None or left >= ENOUGH:
        return
    yield _concern(left, limit, resets_at)


def made(quota: Quota) -> RequestsMade:
    """What was asked, and what may still be."""
    return RequestsMade(
        made=quota.made,
        left=quota.left,
        limit=quota.limit,
        resets_at=quota.resets_at,
    )


def _concern(left: int, limit: int, resets_at: datetime) -> Concern:
    told = f"{left} of {limit} requests of Railway's API are left until"
    until = f"{resets_at:%H:%M} UTC"
    if left < LEAST:
        return Concern(
            "request_budget",
            "error",
            f"{told} {until}: a release that turns bad could not be left with them",
            f"deploy after {until}",
        )
    return Concern(
        "request_budget",
        "warning",
        f"{told} {until}: the release is looked at less often",
        f"deploy after {until}, or do not use the token for anything else meanwhile",
    )
