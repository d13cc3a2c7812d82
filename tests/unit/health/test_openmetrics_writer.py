from collections.abc import Mapping

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app.backend.health.gate import GateState
from app.backend.health.models import Failure, Status
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers.openmetrics import families
from app.backend.monitoring.metrics import expose
from tests.support.health import snapshot_of, view

LABELS = {"release": "c0ffee", "replica": "r-1"}


def samples(
    snapshot: Snapshot, name: str, now: float = 100
) -> list[tuple[Mapping[str, str], float]]:
    """What a scraper reads."""
    text = expose(families(snapshot, now), LABELS).decode()
    parsed = text_string_to_metric_families(text)  # type: ignore[no-untyped-call] # theirs
    return [
        (sample.labels, sample.value)
        for family in parsed
        for sample in family.samples
        if sample.name == name
    ]


@pytest.mark.parametrize("status", Status)
def test_a_check_has_exactly_one_of_all_statuses(status: Status) -> None:
    found = samples(snapshot_of(view("database", status)), "pm33_check_status")

    assert {labels["status"]: value for labels, value in found} == {
        one: float(one is status) for one in Status
    }
    for labels, _ in found:
        assert labels.items() >= {"check": "database", **LABELS}.items()


def test_the_class_of_a_failure_shows_as_long_as_there_is_one() -> None:
    refused = view("openai", Status.DEGRADED, failure=Failure.AUTH)
    snapshot = snapshot_of(refused, view("database", Status.HEALTHY))

    found = samples(snapshot, "pm33_check_failure")

    assert found == [({"check": "openai", "failure": "auth", **LABELS}, 1.0)]


def test_latency_is_in_seconds_and_left_out_while_unknown() -> None:
    fast = view("database", Status.HEALTHY, latency_ms=12.5)
    unasked = view("cache", Status.UNKNOWN)

    found = samples(snapshot_of(fast, unasked), "pm33_check_latency_seconds")

    assert found == [({"check": "database", **LABELS}, 0.0125)]


def test_the_age_grows_between_two_scrapes_of_one_snapshot() -> None:
    checked = view("database", Status.HEALTHY, checked_monotonic=90.0)
    snapshot = snapshot_of(checked, view("cache", Status.UNKNOWN))

    for now, age in ((100.0, 10.0), (130.5, 40.5)):
        found = samples(snapshot, "pm33_check_age_seconds", now)
        assert found == [({"check": "database", **LABELS}, age)]


def test_restarts_of_background_work_are_a_counter() -> None:
    snapshot = snapshot_of(restarts={"health:database": 3, "store:replica": 0})

    found = samples(snapshot, "pm33_background_restarts_total")

    assert {labels["work"]: value for labels, value in found} == {
        "health:database": 3,
        "store:replica": 0,
    }


@pytest.mark.parametrize(
    ("gate", "value"), [(GateState(), 0), (GateState(passed=True), 1)]
)
def test_the_gate_is_one_once_it_has_passed(gate: GateState, value: float) -> None:
    assert samples(snapshot_of(gate=gate), "pm33_startup_gate_passed") == [
        (LABELS, value)
    ]


def test_a_replica_without_checks_can_be_scraped() -> None:
    assert samples(snapshot_of(), "pm33_check_status") == []
