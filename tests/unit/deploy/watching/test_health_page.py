import json
from typing import Any

import pytest

from app.backend.deploy.watching.health_page import (
    HealthPage,
    HealthPageError,
    read_health_page,
)
from app.backend.health.models import Status

NOW = 1000.0
JSON = {"content-type": "application/json", "x-health-age": "4.0"}


def a_check(**fields: Any) -> dict[str, Any]:
    return {
        "status": "healthy",
        "critical": True,
        "shared": False,
        "checked_at": "2026-01-01T00:00:10.000+00:00",
        "since": "2026-01-01T00:00:00.000+00:00",
        "latest": {"status": "healthy", "failure": None},
        **fields,
    }


def body(**checks: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "status": "healthy",
            "deployment_id": "d-2",
            "replica_id": "r-1",
            "commit": "c0ffee2",
            "checks": checks,
        }
    ).encode()


def read(content: bytes, **headers: str) -> HealthPage:
    return read_health_page(content, JSON | headers, NOW)


def test_the_page_says_who_answers() -> None:
    page = read(body(application=a_check()))

    assert (page.deployment, page.replica, page.commit) == ("d-2", "r-1", "c0ffee2")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "healthy", "latest": {"status": "unhealthy"}}, Status.UNHEALTHY),
        ({"status": "unhealthy", "latest": {"status": "healthy"}}, Status.HEALTHY),
        ({"status": "unknown", "latest": {"status": "healthy"}}, Status.UNKNOWN),
        ({"status": "skipped", "latest": {"status": "skipped"}}, Status.SKIPPED),
        ({"status": "degraded", "latest": None}, Status.DEGRADED),
        ({"status": "unhealthy", "latest": {"status": None}}, Status.UNKNOWN),
        ({"status": "splendid", "latest": {"status": "splendid"}}, Status.UNKNOWN),
        ({"status": ["healthy"], "latest": 7}, Status.UNKNOWN),
    ],
)
def test_the_raw_result_counts(fields: dict[str, Any], status: Status) -> None:
    [reading] = read(body(database=a_check(**fields))).checks

    assert reading.status is status


def test_when_a_check_has_run_is_told_on_the_readers_clock() -> None:
    page = read(
        body(
            application=a_check(),
            database=a_check(checked_at="2026-01-01T00:00:12.500+00:00"),
        )
    )

    assert [one.looked for one in page.checks] == [NOW - 4.0, NOW - 1.5]


@pytest.mark.parametrize("age", ["", "soon", "nan", "inf"])
def test_without_an_age_it_is_not_known_when_a_check_has_run(age: str) -> None:
    [reading] = read(body(database=a_check()), **{"x-health-age": age}).checks

    assert reading.looked is None


def test_a_process_is_as_old_as_its_oldest_status() -> None:
    younger = a_check(since="2026-01-01T00:00:05.000+00:00")
    page = read(body(application=younger, database=a_check()))

    assert page.born is not None
    assert page.born.second == 0


def test_one_check_alone_does_not_tell_a_process_age() -> None:
    unknown = a_check(status="unknown")

    assert read(body(application=a_check())).born is None
    assert read(body(application=a_check(), database=unknown)).born is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"healthy"',
        b"{}",
        b'{"status": 1}',
        b'{"status": "healthy", "checks": []}',
        b'{"status": "healthy", "checks": {"a": 1}}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"status": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_health_page_is_refused(content: bytes) -> None:
    with pytest.raises(HealthPageError):
        read(content)


@pytest.mark.parametrize("media", ["text/html", "", "application/problem+json"])
def test_a_page_of_another_kind_is_refused(media: str) -> None:
    with pytest.raises(HealthPageError, match="answered with"):
        read(body(), **{"content-type": media})


def test_a_page_without_checks_is_one() -> None:
    assert read(b'{"status": "healthy"}').checks == ()
