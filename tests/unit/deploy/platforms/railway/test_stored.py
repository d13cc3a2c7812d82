"""What Railway has stored, compared with what a commit asks for."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.railway.keys import KEYS, REPLICAS, canonical
from app.backend.deploy.platforms.railway.stored import (
    differences,
    effective,
    settings_of,
    stored_of,
    update_of,
)

INSTANCE: dict[str, Any] = {
    "id": "an-id",
    "builder": "RAILPACK",
    "dockerfilePath": None,
    "buildCommand": None,
    "startCommand": "pm33 serve",
    "preDeployCommand": ["pm33 migrate up"],
    "healthcheckPath": "/api/health/startup",
    "healthcheckTimeout": None,
    "overlapSeconds": None,
    "drainingSeconds": 30,
    "restartPolicyType": "ON_FAILURE",
    "restartPolicyMaxRetries": 10,
    "numReplicas": 2,
    "region": "us-west2",
    "cronSchedule": None,
    "sleepApplication": None,
    "watchPatterns": [],
}
"""As the API tells a service that never had an overlap."""


def test_what_railway_does_not_tell_is_its_default() -> None:
    stored = stored_of(INSTANCE)
    assert set(stored) == set(KEYS)
    assert stored["overlapSeconds"] == 0
    assert stored["healthcheckTimeout"] == 300
    assert stored["sleepApplication"] is False
    assert stored[REPLICAS] == {"us-west2": 2}


def test_only_what_differs_is_stored() -> None:
    wanted = canonical({"overlapSeconds": 20, "drainingSeconds": 30, "numReplicas": 2})

    found = differences(wanted, stored_of(INSTANCE))

    assert update_of(found) == {"overlapSeconds": 20}
    (one,) = found
    assert one.text("is stored") == "overlapSeconds: 20 is wanted, 0 is stored"


def test_what_the_file_passes_over_may_be_anything() -> None:
    assert differences({}, stored_of(INSTANCE)) == ()


@pytest.mark.parametrize(
    ("said", "update"),
    [
        ({"numReplicas": 3}, {"numReplicas": 3}),
        (
            {"multiRegionConfig": {"us-west2": {"numReplicas": 2}, "asia": None}},
            {},
        ),
        (
            {"multiRegionConfig": {"us-west2": {"numReplicas": 1}, "asia": {}}},
            {
                "multiRegionConfig": {
                    "us-west2": {"numReplicas": 1},
                    "asia": {"numReplicas": 1},
                }
            },
        ),
        ({"preDeployCommand": "pm33 migrate up"}, {}),
        ({"preDeployCommand": ["a", "b"]}, {"preDeployCommand": ["a", "b"]}),
        ({"builder": "DOCKERFILE"}, {"dockerfilePath": "Dockerfile"}),
        ({"dockerfilePath": "./Dockerfile"}, {"dockerfilePath": "Dockerfile"}),
        ({"sleepApplication": False, "watchPatterns": []}, {}),
        ({"restartPolicyType": "always"}, {"restartPolicyType": "ALWAYS"}),
    ],
)
def test_the_api_is_given_its_own_words(
    said: dict[str, Any], update: dict[str, Any]
) -> None:
    found = differences(canonical(said), stored_of(INSTANCE))
    assert update_of(found) == update


def test_the_next_deployment_is_made_with_both() -> None:
    wanted = canonical({"overlapSeconds": 20, "cronSchedule": "* * * * *"})

    settings = settings_of(effective(stored_of(INSTANCE), wanted))

    assert settings == ServiceSettings(
        start_command="pm33 serve",
        pre_deploy_command="pm33 migrate up",
        healthcheck_path="/api/health/startup",
        overlap_seconds=20,
        draining_seconds=30,
        replicas=2,
        cron="* * * * *",
        build={"builder": "RAILPACK"},
    )
    assert ServiceSettings.from_dict(settings.to_dict()) == settings


def test_no_builder_is_told_where_a_dockerfile_wins_over_it() -> None:
    wanted = canonical({"builder": "DOCKERFILE"})

    settings = settings_of(effective(stored_of(INSTANCE), wanted))

    assert settings.build == {"dockerfilePath": "Dockerfile"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*KEYS, "numReplicas", "region", "multiRegionConfig", "other"])


@given(st.dictionaries(NAMES, JSON))
@example({"healthcheckTimeout": "inf", "drainingSeconds": "nan"})
def test_whatever_railway_says_is_read_without_a_crash(said: dict[str, Any]) -> None:
    found = stored_of(said)
    settings_of(found).to_dict()
    assert set(found) == set(KEYS)


@given(st.dictionaries(NAMES, JSON))
@example({"restartPolicyType": ""})
def test_what_is_stored_as_wanted_no_longer_differs(said: dict[str, Any]) -> None:
    wanted = canonical(said)
    stored = INSTANCE | update_of(differences(wanted, stored_of(INSTANCE)))
    assert differences(wanted, stored_of(stored)) == ()


def test_of_several_regions_only_the_nearest_is_sure_to_be_met() -> None:
    regions = {"us-west2": {"numReplicas": 3}, "europe-west4": {"numReplicas": 2}}
    wanted = canonical({"multiRegionConfig": regions})
    settings = settings_of(effective(stored_of(INSTANCE), wanted))
    assert settings.regions == {"us-west2": 3, "europe-west4": 2}
    assert (settings.replicas, settings.probed) == (5, 2)
    assert ServiceSettings.from_dict(settings.to_dict()) == settings
    one = canonical({"multiRegionConfig": {"us-west2": {"numReplicas": 3}}})
    settings = settings_of(effective(stored_of(INSTANCE), one))
    assert (settings.regions, settings.probed) == ({}, 3)
