import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import POLICIES
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers import health_json
from app.backend.health.writers.wish import Wish
from tests.support.health import override_of, snapshot_of, view
from tests.support.night import calm, night

# The draft's own words (draft-inadarei-api-health-check-06, sections 3 and 4), apart
# from what we say of our bodies.
_TEXT = {"type": "string"}
_WORD = {"enum": ["pass", "ok", "up", "fail", "error", "down", "warn"]}
_LINKS = {
    "type": "object",
    "additionalProperties": {"type": "string", "format": "uri"},
}
DRAFT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": _WORD,
        "version": _TEXT,
        "releaseId": _TEXT,
        "notes": {"type": "array", "items": _TEXT},
        "output": _TEXT,
        "links": _LINKS,
        "serviceId": _TEXT,
        "description": _TEXT,
        "checks": {
            "type": "object",
            "propertyNames": {"pattern": "^[^:]*(:.+)?$"},
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "required": ["componentType"],
                    "properties": {
                        "componentId": _TEXT,
                        "componentType": {"enum": ["component", "datastore", "system"]},
                        "observedValue": True,
                        "observedUnit": _TEXT,
                        "status": _WORD,
                        "affectedEndpoints": {"type": "array", "items": _TEXT},
                        "time": {"type": "string", "format": "date-time"},
                        "output": _TEXT,
                        "links": _LINKS,
                    },
                    "dependentRequired": {"observedValue": ["observedUnit"]},
                    "if": {
                        "properties": {"status": {"const": "pass"}},
                        "required": ["status"],
                    },
                    "then": {"not": {"required": ["output"]}},
                },
            },
        },
    },
    "additionalProperties": False,
    "if": {"properties": {"status": {"const": "pass"}}},
    "then": {"not": {"required": ["output"]}},
}


def body(snapshot: Snapshot, endpoint: str = "/detailed", **w: Any) -> dict[str, Any]:
    wish = Wish(path=f"/api/health{endpoint}", **w)
    verdict = POLICIES[wish.path](snapshot)
    decoded: dict[str, Any] = json.loads(health_json.encode(verdict, snapshot, wish))
    return decoded


@pytest.mark.parametrize("schema", [DRAFT, health_json.schema()], ids=["draft", "ours"])
@pytest.mark.parametrize("endpoint", ["", "/detailed", "/live", "/ready", "/startup"])
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("details", [False, True])
def test_every_body_follows_the_draft_and_the_published_schema(
    schema: dict[str, Any], endpoint: str, stage: Stage, *, details: bool
) -> None:
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    planned = (override_of(OverrideKind.MAINTENANCE),)
    fault = GateFault(source="database", kind=FaultKind.WORLD, message="no answer")
    for views in (night().checks.values(), calm().checks.values()):
        for extra in ({}, {"overrides": planned, "gate": GateState(faults=(fault,))}):
            snapshot = snapshot_of(*views, stage=stage, **extra)
            validator.validate(body(snapshot, endpoint, details=details))


@pytest.mark.parametrize("endpoint", POLICIES)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("critical", [False, True])
def test_fail_and_only_fail_goes_with_a_code_that_says_so(
    endpoint: str, status: Status, *, critical: bool
) -> None:
    snapshot = snapshot_of(view("application", status, critical=critical))
    verdict = POLICIES[endpoint](snapshot)

    word = health_json.body_of(verdict, snapshot, Wish())["status"]

    assert (word == "fail") is (verdict.code >= 400)
    assert (word == "pass") is (verdict.ok and verdict.status is Status.HEALTHY)


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (view("database", Status.HEALTHY), "pass"),
        (view("database", Status.DEGRADED), "warn"),
        (view("database", Status.UNHEALTHY), "fail"),
        (view("database", Status.UNKNOWN), "warn"),
        (view("database", Status.UNKNOWN, critical=True), "fail"),
        (view("database", Status.SKIPPED), None),
    ],
)
def test_a_component_has_the_drafts_word_and_ours(
    one: CheckView, word: str | None
) -> None:
    [component] = body(snapshot_of(one))["checks"]["database:responseTime"]

    assert component.get("status") == word
    assert component["state"] == one.status
    assert component["componentType"] == "datastore"


def test_what_went_wrong_is_a_class_in_public_and_a_message_with_details() -> None:
    failed = view(
        "stripe", Status.UNHEALTHY, failure=Failure.AUTH, message="bad key", remedy="x"
    )
    name = "stripe:responseTime"

    [public] = body(snapshot_of(failed))["checks"][name]
    [told] = body(snapshot_of(failed), details=True)["checks"][name]

    assert (public["output"], public["componentType"]) == ("auth", "component")
    assert "remedy" not in public
    assert (told["output"], told["remedy"]) == ("auth: bad key", "x")


def test_a_draining_replica_says_so_in_the_notes() -> None:
    told = body(snapshot_of(stage=Stage.DRAINING), "/ready", details=True)

    assert told["notes"] == ["the replica is draining"]
    assert told["output"] == "stage:draining"
    assert "output" not in body(snapshot_of(stage=Stage.DRAINING), "/ready")
