import json
import math
from typing import Any

import pytest

from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.pages import STALE_SLACK, PagePair, render
from app.backend.health.policies import POLICIES
from app.backend.health.snapshot import CheckView, Snapshot
from tests.support.health import EPOCH, snapshot_of, view

H, U, S, N = Status.HEALTHY, Status.UNHEALTHY, Status.SKIPPED, Status.UNKNOWN


def seen(
    name: str,
    status: Status,
    *,
    checked: float = 90,
    expires: float = 130,
    **fields: Any,
) -> CheckView:
    return view(
        name,
        status,
        checked_at=EPOCH,
        valid_until=EPOCH,
        checked_monotonic=checked,
        expires=expires,
        **fields,
    )


def page(snapshot: Snapshot, endpoint: str = "") -> PagePair:
    return render(snapshot, details=False)[f"/api/health{endpoint}"]


def test_every_endpoint_has_a_page_with_and_without_a_slash_at_its_end() -> None:
    pages = render(snapshot_of(seen("database", H)), details=False)

    assert set(pages) == {*POLICIES, *(f"{path}/" for path in POLICIES)}
    for path in POLICIES:
        assert pages[f"{path}/"] is pages[path]


@pytest.mark.parametrize("endpoint", ["", "/detailed", "/live", "/ready", "/startup"])
def test_a_page_is_json_of_the_length_it_says_and_is_never_cached(
    endpoint: str,
) -> None:
    pair = page(snapshot_of(seen("application", U, critical=True)), endpoint)

    for one in (pair.fresh, pair.stale):
        headers = dict(one.headers)
        assert headers[b"content-type"] == b"application/json"
        assert headers[b"content-length"] == b"%d" % len(one.body)
        assert headers[b"cache-control"] == b"no-store"
        assert json.loads(one.body)["status"] in set(Status)


@pytest.mark.parametrize(
    ("status", "code", "stale_code"), [(H, 200, 503), (U, 503, 503), (S, 200, 200)]
)
def test_a_pages_code_and_status_follow_the_policy(
    status: Status, code: int, stale_code: int
) -> None:
    pair = page(snapshot_of(seen("database", status, critical=True)))

    assert (pair.fresh.status, pair.stale.status) == (code, stale_code)
    expected = H if status is S else status
    assert json.loads(pair.fresh.body)["status"] == expected


def test_the_stale_page_says_unknown_of_every_check() -> None:
    pair = page(
        snapshot_of(
            seen("database", U, critical=True, failure=Failure.AUTH),
            seen("application", H),
        )
    )
    body = json.loads(pair.stale.body)

    assert body["status"] == "unknown"
    assert {one["status"] for one in body["checks"].values()} == {"unknown"}
    assert {one["failure"] for one in body["checks"].values()} == {None}


def test_a_page_is_stale_soon_after_its_first_check_should_have_been_refreshed() -> (
    None
):
    pair = page(
        snapshot_of(
            seen("application", H, expires=140),
            seen("database", H, expires=120),
            seen("monitoring", S, expires=101),
            seen("ai_services", N, expires=90),
            seen("stripe", H, expires=102),
        )
    )

    assert pair.stale_at == 120 + STALE_SLACK


@pytest.mark.parametrize("status", [S, N])
def test_what_is_skipped_or_unknown_does_not_age(status: Status) -> None:
    assert page(snapshot_of(seen("database", status))).stale_at == math.inf


def test_liveness_does_not_age() -> None:
    pair = page(snapshot_of(seen("database", H, expires=1)), "/live")

    assert pair.stale_at == math.inf
    assert pair.fresh.status == pair.stale.status == 200


def test_a_pages_age_is_that_of_its_oldest_result() -> None:
    first = seen("application", H, checked=80)
    second = seen("database", H, checked=70)
    outside = seen("stripe", H, checked=10)

    assert page(snapshot_of(first, second, outside)).oldest == 70
    assert page(snapshot_of(first, second, outside), "/detailed").oldest == 10
    assert page(snapshot_of(), "/live").oldest == 100


@pytest.mark.parametrize(
    ("stage", "closes"),
    [(Stage.STARTING, False), (Stage.SERVING, False), (Stage.DRAINING, True)],
)
def test_every_page_asks_to_close_the_connection_during_a_drain(
    stage: Stage, *, closes: bool
) -> None:
    for pair in render(snapshot_of(stage=stage), details=False).values():
        for one in (pair.fresh, pair.stale):
            assert ((b"connection", b"close") in one.headers) is closes


@pytest.mark.parametrize(
    ("status", "line"),
    [(H, b"HTTP/1.1 200 OK"), (U, b"HTTP/1.1 503 Service Unavailable")],
)
@pytest.mark.parametrize("stage", [Stage.SERVING, Stage.DRAINING])
def test_the_head_is_the_status_and_the_headers_as_they_are_sent(
    status: Status, line: bytes, stage: Stage
) -> None:
    snapshot = snapshot_of(seen("database", status, critical=True), stage=stage)
    one = page(snapshot).fresh

    first, *others, end = one.head.split(b"\r\n")
    assert first == line
    assert others == [b"%b: %b" % header for header in one.headers]
    assert end == b""


def test_public_pages_show_no_text_that_a_check_wrote() -> None:
    told = seen(
        "database",
        U,
        failure=Failure.AUTH,
        message="canary-message",
        remedy="canary-remedy",
        data={"host": "canary-data"},
    )
    snapshot = snapshot_of(told)

    for details in (False, True):
        body = render(snapshot, details=details)["/api/health"].fresh.body
        for canary in (b"canary-message", b"canary-remedy", b"canary-data"):
            assert (canary in body) is details
