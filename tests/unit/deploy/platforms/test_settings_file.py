"""``railway.toml`` as it is read for one environment."""

from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.settings_file import commands_of, read_settings
from app.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]


def test_a_commit_without_a_file_has_railways_defaults() -> None:
    assert read_settings("", "production") == ServiceSettings(
        start_command="pm33 serve",
        healthcheck_timeout=300,
        overlap_seconds=0,
        draining_seconds=0,
        restart_policy="ON_FAILURE",
        restart_retries=10,
        replicas=1,
    )


def test_this_projects_own_file_is_understood() -> None:
    text = (ROOT / "railway.toml").read_text(encoding="utf-8")

    settings = read_settings(text, "production")

    command = settings.pre_deploy_command
    assert command is not None
    assert commands_of(command)[0][:3] == ("pm33", "migrate", "up")
    assert settings.healthcheck_path == "/api/health/startup"
    assert (settings.overlap_seconds, settings.draining_seconds) == (20, 30)
    assert settings.replicas == 2
    assert read_settings(text, "staging").replicas == 1


def test_the_table_of_the_environment_beats_the_common_one_key_by_key() -> None:
    text = """
    [deploy]
    healthcheckPath = "/common"
    drainingSeconds = 5
    [environments.staging.deploy]
    healthcheckPath = "/staging"
    """

    settings = read_settings(text, "staging")

    assert settings.healthcheck_path == "/staging"
    assert settings.draining_seconds == 5
    assert read_settings(text, "production").healthcheck_path == "/common"


def test_replicas_of_all_regions_run_on_the_one_machine() -> None:
    text = """
    [deploy]
    numReplicas = 1
    [deploy.multiRegionConfig.us-west]
    numReplicas = 2
    [deploy.multiRegionConfig.eu-west]
    numReplicas = 3
    """

    assert read_settings(text, "production").replicas == 5


def test_several_pre_deploy_commands_run_in_turn() -> None:
    text = """
    [deploy]
    preDeployCommand = ["one 'a b'", "two"]
    """

    command = read_settings(text, "production").pre_deploy_command

    assert command is not None
    assert commands_of(command) == (("one", "a b"), ("two",))


def test_unknown_keys_are_passed_over() -> None:
    read_settings("[deploy]\ncronSchedule = '* * * * *'\n[build]\nx = 1", "production")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[deploy", "is no valid TOML"),
        ("deploy = 1", "deploy is no table"),
        ("[deploy]\nstartCommand = 1", "[deploy] startCommand has to be text"),
        ("[deploy]\nstartCommand = ''", "[deploy] startCommand is no command"),
        ("[deploy]\nstartCommand = 'a && b'", "startCommand has to be one command"),
        ('[deploy]\nstartCommand = "it\'s"', "startCommand is no command"),
        ("[deploy]\npreDeployCommand = [1]", "preDeployCommand has to be text"),
        ("[deploy]\nhealthcheckPath = 'health'", "has to be a path that begins"),
        ('[deploy]\nstartCommand = "a\\u0000b"', "startCommand is no command"),
        ('[deploy]\nhealthcheckPath = "/a\\r\\nb"', "has to be a path that begins"),
        ("[deploy]\nhealthcheckTimeout = -1", "has to be seconds"),
        ("[deploy]\ndrainingSeconds = true", "has to be seconds"),
        ("[deploy]\noverlapSeconds = 'long'", "has to be seconds"),
        ("[deploy]\nrestartPolicyType = 'SOMETIMES'", "has to be one of ON_FAILURE"),
        ("[deploy]\nrestartPolicyMaxRetries = 1.5", "has to be a whole number"),
        ("[deploy]\nnumReplicas = 0", "has to be from 1 to"),
        ("[deploy]\nmultiRegionConfig = {}", "has to be a table of regions"),
        (
            "[environments.production.deploy]\nnumReplicas = 'two'",
            "[environments.production.deploy] numReplicas has to be a whole number",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(
    text: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(text, "production")

    assert words in str(refused.value)
    assert refused.value.remedy
