import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import POLICIES
from app.backend.health.snapshot import CheckView
from app.backend.health.writers import native
from tests.support.health import EPOCH, override_of, snapshot_of, view

FAILED = view(
    "database",
    Status.UNHEALTHY,
    critical=True,
    shared=True,
    checked_at=EPOCH,
    valid_until=EPOCH + timedelta(seconds=47),
    since=EPOCH,
    latency_ms=12.3456,
    failure=Failure.TIMEOUT,
    message="no answer",
    remedy="wait",
    data={"host": "db"},
    latest=Status.HEALTHY,
)
UNASKED = view("cache", Status.UNKNOWN)
FAULT = GateFault(
    source="database", kind=FaultKind.WORLD, message="no answer", remedy="wait"
)


def body(
    *views: CheckView,
    endpoint: str = "",
    details: bool = False,
    why: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    snapshot = snapshot_of(*views, **fields)
    verdict = POLICIES[f"/api/health{endpoint}"](snapshot)
    encoded = native.encode(verdict, snapshot, details=details, why=why)
    decoded: dict[str, Any] = json.loads(encoded)
    return decoded


def test_the_public_body_is_what_the_contract_lists() -> None:
    assert body(FAILED) == {
        "status": "unhealthy",
        "checked_at": "2026-01-01T00:00:00.000+00:00",
        "deployment_id": "d-1",
        "replica_id": "r-1",
        "commit": "c0ffee",
        "version": "1.2.3",
        "environment": "production",
        "stage": "serving",
        "checks": {
            "database": {
                "status": "unhealthy",
                "critical": True,
                "shared": True,
                "checked_at": "2026-01-01T00:00:00.000+00:00",
                "valid_until": "2026-01-01T00:00:47.000+00:00",
                "latency_ms": 12.35,
                "since": "2026-01-01T00:00:00.000+00:00",
                "failure": "timeout",
                "latest": {"status": "healthy", "failure": None},
            }
        },
    }


def test_before_the_first_result_there_is_no_latest() -> None:
    shown = body(UNASKED, endpoint="/detailed")["checks"]["cache"]

    assert shown["latest"] == {"status": None, "failure": None}


def test_details_add_what_an_operator_needs() -> None:
    shown = body(FAILED, details=True, restarts={"health:database": 2, "idle": 0})
    check = shown["checks"]["database"]

    assert (check["message"], check["remedy"]) == ("no answer", "wait")
    assert check["data"] == {"host": "db"}
    assert shown["restarts"] == {"health:database": 2}
    assert shown["gate"] == {"passed": True, "faults": []}


def test_details_list_the_gates_faults_and_the_overrides() -> None:
    mute = override_of(OverrideKind.MUTE, check="cache", reason="moving", until=EPOCH)
    shown = body(details=True, gate=GateState(faults=(FAULT,)), overrides=(mute,))

    [fault], [one] = shown["gate"]["faults"], shown["overrides"]
    assert (fault["source"], fault["kind"]) == ("database", "world")
    assert (fault["message"], fault["remedy"]) == ("no answer", "wait")
    assert (one["kind"], one["check"], one["reason"]) == ("mute", "cache", "moving")


def test_announced_maintenance_is_public() -> None:
    planned = override_of(OverrideKind.MAINTENANCE, reason="canary", until=EPOCH)
    shown = body(overrides=(planned,))

    assert shown["maintenance_until"] == "2026-01-01T00:00:00.000+00:00"
    assert "canary" not in json.dumps(shown)


def test_the_reasons_are_there_for_those_who_ask() -> None:
    assert body(FAILED, why=True)["why"] == ["database:unhealthy"]
    assert "why" not in body(FAILED)


def test_the_report_is_as_old_as_its_oldest_result() -> None:
    older = view("application", Status.HEALTHY, checked_at=EPOCH - timedelta(days=1))

    assert body(older, FAILED)["checked_at"] == "2025-12-31T00:00:00.000+00:00"


def test_a_report_without_results_is_of_the_moment_it_was_taken() -> None:
    assert body(UNASKED)["checked_at"] == "2026-01-01T00:01:40.000+00:00"


def test_times_keep_their_offset() -> None:
    east = timezone(timedelta(hours=2))
    shown = body(
        view("database", Status.HEALTHY, since=datetime(2026, 1, 1, 2, tzinfo=east))
    )

    since = datetime.fromisoformat(shown["checks"]["database"]["since"])
    assert since == EPOCH


@pytest.mark.parametrize("endpoint", ["", "/detailed", "/live", "/ready", "/startup"])
@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("stage", Stage)
def test_every_body_follows_the_published_schema(
    endpoint: str, stage: Stage, *, details: bool
) -> None:
    schema = native.schema()
    Draft202012Validator.check_schema(schema)
    shown = body(
        FAILED,
        UNASKED,
        endpoint=endpoint,
        details=details,
        why=details,
        stage=stage,
        gate=GateState(faults=(FAULT,)),
        overrides=(override_of(OverrideKind.MAINTENANCE),),
    )

    assert list(Draft202012Validator(schema).iter_errors(shown)) == []


@pytest.mark.parametrize("text", ["\udcff", "\x00", "\u2028", "naïve 🚑", '"\\'])
def test_text_of_any_kind_can_be_encoded(text: str) -> None:
    told = view("database", Status.UNHEALTHY, message=text, data={text: text})
    shown = body(told, details=True)

    assert shown["checks"]["database"]["message"]
    json.dumps(shown).encode()


def test_the_schema_knows_every_status_and_failure() -> None:
    check = native.schema()["properties"]["checks"]["additionalProperties"]

    assert check["properties"]["status"]["enum"] == [*Status]
    assert check["properties"]["failure"]["enum"] == [None, *Failure]


def test_anybody_may_see_of_what_class_the_gates_faults_are() -> None:
    debug = GateFault(
        source="DEBUG",
        kind=FaultKind.RELEASE,
        message="DEBUG is on",
        remedy="switch it off",
        failure=Failure.CONFIG,
    )
    held = body(FAILED, endpoint="/startup", gate=GateState(faults=(debug, debug)))

    assert held["failures"] == ["config"]
    assert "DEBUG" not in json.dumps(held)
    Draft202012Validator(native.schema()).validate(held)
    assert "failures" not in body(FAILED, endpoint="/startup", gate=GateState())
