"""The settings that a deployment really ran with."""

from typing import Any

import pytest

from app.backend.deploy.platforms.railway.manifest import ran_with, unmet, values_of
from app.backend.deploy.platforms.railway.wanted import read_wanted

META: dict[str, Any] = {
    "commitHash": "0" * 40,
    "serviceManifest": {
        "build": {"builder": "DOCKERFILE", "buildCommand": None},
        "deploy": {
            "startCommand": "pm33 serve",
            "healthcheckPath": "/api/health/startup",
            "overlapSeconds": 20,
            "drainingSeconds": 30,
            "multiRegionConfig": {"us-west2": {"numReplicas": 2}},
            "numReplicas": 1,
            "sleepApplication": False,
            "runtime": "V2",
        },
    },
}
WANTED = """
[build]
builder = "DOCKERFILE"
[deploy]
overlapSeconds = 20
drainingSeconds = 30
restartPolicyType = "ALWAYS"
sleepApplication = false
numReplicas = 2
"""


def meta(section: str, **values: Any) -> dict[str, Any]:
    manifest = META["serviceManifest"]
    changed = manifest | {section: manifest[section] | values}
    return META | {"serviceManifest": changed}


def without(*names: str) -> dict[str, Any]:
    """As after `railway config migrate`, which drops settings without a word."""
    deploy = META["serviceManifest"]["deploy"]
    kept = {name: value for name, value in deploy.items() if name not in names}
    return META | {"serviceManifest": META["serviceManifest"] | {"deploy": kept}}


def told(wanted: str, ran: dict[str, Any]) -> list[str]:
    found = unmet(read_wanted(wanted, "production"), ran)
    assert found is not None
    return [one.text("was used") for one in found]


def test_a_deployment_tells_how_it_was_run() -> None:
    settings = ran_with(META)
    assert settings
    assert (settings.overlap_seconds, settings.draining_seconds) == (20, 30)
    # numReplicas reads 1 of a service with regions.
    assert settings.replicas == 2
    assert settings.build == {"dockerfilePath": "Dockerfile"}


@pytest.mark.parametrize(
    "meta", [None, {}, {"serviceManifest": None}, {"serviceManifest": {"build": {}}}]
)
def test_a_deployment_may_not_tell_it(meta: dict[str, Any] | None) -> None:
    assert ran_with(meta) is None
    assert values_of(meta) is None
    assert unmet({"overlapSeconds": 20}, meta) is None


def test_what_was_used_as_wanted_is_not_told() -> None:
    ran = meta("deploy", restartPolicyType="ALWAYS")
    assert told(WANTED, ran) == []


def test_what_was_lost_on_the_way_is_told_by_name_with_both_values() -> None:
    lost = without("overlapSeconds", "drainingSeconds")
    assert told(WANTED, lost) == [
        "overlapSeconds: 20 is wanted, 0 was used",
        "drainingSeconds: 30 is wanted, 0 was used",
        "restartPolicyType: ALWAYS is wanted, ON_FAILURE was used",
    ]


@pytest.mark.parametrize(
    ("section", "values", "line"),
    [
        ("deploy", {"sleepApplication": True}, "sleepApplication: off is wanted, on"),
        (
            "deploy",
            {"multiRegionConfig": {"a": {"numReplicas": 1}}},
            "replicas: 2 is wanted, 1 in a",
        ),
        (
            "build",
            {"builder": "RAILPACK"},
            "dockerfilePath: Dockerfile is wanted, nothing",
        ),
        ("build", {"dockerfilePath": "other/Dockerfile"}, "dockerfilePath: Dockerfile"),
    ],
)
def test_keys_of_both_sections_are_looked_at(
    section: str, values: dict[str, Any], line: str
) -> None:
    ran = meta("deploy", restartPolicyType="ALWAYS")["serviceManifest"]
    ran = {"serviceManifest": ran | {section: ran[section] | values}}
    (found,) = told(WANTED, ran)
    assert found.startswith(line)
