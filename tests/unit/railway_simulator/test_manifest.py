"""Settings are stored, overlaid by the commit's file, and frozen as FACTS §6 has it."""

from typing import Any

import pytest

from tests.support.railway.manifest import DEFAULTS, frozen, run_by, updated

FILE = """
[build]
dockerfilePath = "Dockerfile"

[deploy]
startCommand = "pm33 serve"
preDeployCommand = "pm33 migrate up"
healthcheckPath = "/base"
numReplicas = 2

[environments.production.deploy]
healthcheckPath = "/production"
multiRegionConfig = { a = { numReplicas = 2 }, b = { numReplicas = 3 } }
"""


def stored(**values: Any) -> dict[str, Any]:
    return updated(DEFAULTS, values)


def test_an_update_leaves_the_rest_as_it_was() -> None:
    first = stored(healthcheckPath="/a", overlapSeconds=20)
    second = updated(first, {"healthcheckPath": None, "nonsense": 1})
    assert second == {**first, "healthcheckPath": None}


def test_null_brings_the_default_back_where_nothing_is_no_value() -> None:
    never = stored(restartPolicyType="NEVER", restartPolicyMaxRetries=0)
    cleared = updated(never, dict.fromkeys(never))
    assert cleared["restartPolicyType"] == "ON_FAILURE"
    assert cleared["restartPolicyMaxRetries"] == 10


def test_a_count_of_replicas_replaces_the_regions() -> None:
    regions = stored(multiRegionConfig={"a": {"numReplicas": 2}})
    assert run_by(frozen(regions, None, "production"), {}).replicas == 2
    assert (
        run_by(frozen(updated(regions, {"numReplicas": 3}), None, "x"), {}).replicas
        == 3
    )


@pytest.mark.parametrize(
    ("environment", "path", "replicas"),
    [("production", "/production", 5), ("staging", "/base", 2)],
)
def test_the_file_beats_what_is_stored_and_the_environment_beats_the_file(
    environment: str, path: str, replicas: int
) -> None:
    manifest = frozen(
        stored(healthcheckPath="/stored", drainingSeconds=9), FILE, environment
    )
    assert manifest["build"]["dockerfilePath"] == "Dockerfile"
    settings = run_by(manifest, {})
    assert settings.healthcheck_path == path
    assert settings.replicas == replicas
    assert settings.pre_deploy_command == "pm33 migrate up"
    assert settings.draining_seconds == 9


@pytest.mark.parametrize(("given", "overlap"), [("7", 7.0), ("soon", 0.0), (None, 0.0)])
def test_variables_are_settings_where_the_setting_is_not_made(
    given: str | None, overlap: float
) -> None:
    name = "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS"
    variables = {} if given is None else {name: given}
    assert run_by(frozen(stored(), None, "x"), variables).overlap_seconds == overlap
    made = frozen(stored(overlapSeconds=1), None, "x")
    assert run_by(made, variables).overlap_seconds == 1
