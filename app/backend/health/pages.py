"""The snapshot as encoded answers, one pair for each endpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from app.backend.health.lifecycle import Stage
from app.backend.health.models import Status
from app.backend.health.policies import POLICIES, Policy, Verdict
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers import native
from app.backend.health.writers.formats import NATIVE, Format
from app.backend.health.writers.wish import Wish

__all__ = ["Page", "PagePair", "page_of", "render"]

STALE_SLACK = 1.0
"""Seconds past which an overdue refresh means that nobody refreshes any more."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, encoded.

    Attributes:
        head: status line and headers as HTTP/1.1 sends them, without the empty line.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class PagePair:
    """An answer, and the one that replaces it once it is too old.

    Attributes:
        fresh: what holds now.
        stale: the same with every check ``unknown``.
        stale_at: monotonic time from which ``stale`` holds.
        oldest: monotonic time of the oldest result in ``fresh``.
    """

    fresh: Page
    stale: Page
    stale_at: float
    oldest: float


def render(snapshot: Snapshot, *, details: bool) -> Mapping[str, PagePair]:
    """Encodes every endpoint; a trailing slash leads to the same answer.

    Probes do not follow redirects, so a slash too many must not cause one.
    """
    pairs = {
        path: _pair(policy, snapshot, details=details)
        for path, policy in POLICIES.items()
    }
    return pairs | {f"{path}/": pair for path, pair in pairs.items()}


def page_of(
    verdict: Verdict, snapshot: Snapshot, wish: Wish, form: Format = NATIVE
) -> Page:
    """Encodes one verdict; its code is the same in every format."""
    body = form.write(verdict, snapshot, wish)
    headers: tuple[tuple[bytes, bytes], ...] = (
        (b"content-type", form.content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *form.headers,
    )
    if snapshot.stage is Stage.DRAINING:
        headers = (*headers, (b"connection", b"close"))
    return Page(int(verdict.code), headers, _head(verdict.code, headers), body)


def _head(code: int, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    phrase = HTTPStatus(code).phrase.encode()
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([b"HTTP/1.1 %d %b\r\n" % (code, phrase), *lines])


def _pair(policy: Policy, snapshot: Snapshot, *, details: bool) -> PagePair:
    verdict, aged, wish = policy(snapshot), snapshot.as_unknown(), Wish(details=details)
    expiries = [
        view.expires
        for view in verdict.checks
        if view.expires and view.status not in {Status.SKIPPED, Status.UNKNOWN}
    ]
    return PagePair(
        fresh=page_of(verdict, snapshot, wish),
        stale=page_of(policy(aged), aged, wish),
        stale_at=min(expiries, default=math.inf) + STALE_SLACK,
        oldest=native.oldest(verdict, snapshot),
    )
