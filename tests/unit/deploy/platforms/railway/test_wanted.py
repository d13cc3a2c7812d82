"""What a commit's railway.toml asks of Railway."""

from pathlib import Path

import pytest

from app.backend.deploy.platforms.railway.keys import REPLICAS
from app.backend.deploy.platforms.railway.wanted import read_wanted
from app.errors import ConfigError

ROOT = Path(__file__).resolve().parents[5]


def test_a_commit_without_a_file_asks_for_nothing() -> None:
    assert read_wanted("", "production") == {}


def test_this_projects_own_file_is_understood() -> None:
    text = (ROOT / "railway.toml").read_text(encoding="utf-8")

    wanted = read_wanted(text, "production")

    assert wanted["healthcheckPath"] == "/api/health/startup"
    assert (wanted["overlapSeconds"], wanted["drainingSeconds"]) == (20, 30)
    assert wanted[REPLICAS] == {"": 2}
    # The API has no builder of that name.
    assert "builder" not in wanted
    assert wanted["dockerfilePath"] == "Dockerfile"
    assert REPLICAS not in read_wanted(text, "staging")


def test_the_tables_of_an_environment_beat_the_common_ones_key_by_key() -> None:
    text = """
    [build]
    buildCommand = "make"
    watchPatterns = ["/app/**"]
    [deploy]
    drainingSeconds = 5
    sleepApplication = true
    [environments.staging.build]
    buildCommand = "make staging"
    [environments.staging.deploy]
    sleepApplication = false
    """

    assert read_wanted(text, "staging") == {
        "buildCommand": "make staging",
        "watchPatterns": ("/app/**",),
        "drainingSeconds": 5,
        "sleepApplication": False,
    }


def test_an_environment_may_be_called_otherwise_on_railway() -> None:
    text = """
    [environments.production.deploy]
    overlapSeconds = 10
    drainingSeconds = 10
    [environments.live.deploy]
    overlapSeconds = 30
    """

    assert read_wanted(text, "live", "production") == {
        "overlapSeconds": 30,
        "drainingSeconds": 10,
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("numReplicas = 3", {"": 3}),
        ('numReplicas = 3\nregion = "us-west2"', {"us-west2": 3}),
        ('region = "us-west2"', {"us-west2": 1}),
        ("multiRegionConfig.us-west2.numReplicas = 2", {"us-west2": 2}),
        (
            (
                "numReplicas = 9\nmultiRegionConfig.a.numReplicas = 2\n"
                "multiRegionConfig.b.numReplicas = 1"
            ),
            {"a": 2, "b": 1},
        ),
    ],
)
def test_count_and_regions_are_one_setting(text: str, wanted: dict[str, int]) -> None:
    assert read_wanted(f"[deploy]\n{text}", "production") == {REPLICAS: wanted}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[deploy]\noverlapSeconds = 0.5", "overlapSeconds has to be a whole number"),
        ('[deploy]\nsleepApplication = "no"', "sleepApplication has to be true"),
        ("[build]\nbuildCommand = 1", r"\[build\] buildCommand has to be text"),
        ("[build]\nwatchPatterns = 1", "watchPatterns has to be text or a list"),
        ("build = 1", "build is no table"),
        ("[deploy]\nhealthcheckPath = 1", "healthcheckPath has to be a path"),
        ("[deploy", "no valid TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        read_wanted(text, "production")
    assert refused.value.remedy
