from typing import Any

import pytest
from click.testing import CliRunner

from app.backend.config.environment import read_config
from app.backend.deploy.planning.target import Release
from app.backend.deploy.request import DeployRequest
from app.cli.deploy import deploy, request_of

RELEASE = Release(commit="c0ffee", subject="A change", branch="main", source="origin")
OURS = ("environment", "dry_run", "as_json")


def parsed(*options: str) -> dict[str, Any]:
    return deploy.make_context("deploy", [*options]).params


def asked(*options: str, **variables: str) -> DeployRequest:
    flags = {name: one for name, one in parsed(*options).items() if name not in OURS}
    return request_of(flags, RELEASE, read_config(variables))


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ((), {"migrate": False, "monitor": True, "rollback": True, "bake": None}),
        (("-m",), {"migrate": True}),
        (("--migrate",), {"migrate": True}),
        (("--no-monitor",), {"monitor": False, "rollback": True}),
        (("--no-rollback",), {"monitor": True, "rollback": False}),
        (("--bake", "30m"), {"bake": 1800.0}),
        (("--bake", "0"), {"bake": 0.0}),
        (("--gate-hold", "1.5"), {"gate_hold": 1.5}),
        (("--monitor-interval", "60"), {"monitor_interval": 60.0}),
        (("--failure-threshold", "2"), {"failure_threshold": 2}),
        (("--unlocked",), {"unlocked": True, "supersede": False}),
        (("--supersede",), {"unlocked": False, "supersede": True}),
        (("--reason", "it is mended"), {"reason": "it is mended"}),
    ],
    ids=str,
)
def test_each_option_asks_for_what_it_says(
    options: tuple[str, ...], fields: dict[str, Any]
) -> None:
    request = asked(*options)

    assert {name: getattr(request, name) for name in fields} == fields


@pytest.mark.parametrize("word", ["1", "true", "yes", "TRUE", "Yes"])
def test_a_variable_asks_for_migrations_and_an_option_beats_it(word: str) -> None:
    given = {"MIGRATION_REQUIRED": word}

    assert asked(**given).migrate
    assert not asked("--no-migrate", **given).migrate
    assert asked("-m", MIGRATION_REQUIRED="false").migrate
    assert not asked(MIGRATION_REQUIRED="0").migrate


def test_the_release_is_what_was_found_and_not_what_was_typed() -> None:
    request = asked("--branch", "other", ENVIRONMENT="staging")

    assert (request.commit, request.branch) == ("c0ffee", "main")
    assert request.environment == "staging"
    assert "@" in request.actor


def test_short_options_are_those_of_the_specification() -> None:
    short = parsed("-e", "production", "-b", "feature/x", "-m")
    long = parsed("--environment", "production", "--branch", "feature/x", "--migrate")

    assert short == long


@pytest.mark.parametrize(
    "options",
    [
        ("--environment", "prod"),
        ("--bake", "soon"),
        ("--bake", "-1"),
        ("--bake", "nan"),
        ("--bake", "inf"),
        ("--monitor-interval", "0"),
        ("--failure-threshold", "0"),
        ("--nonsense",),
        ("nonsense",),
        ("--environment", "production", "resume"),
        ("--migrate", "resume"),
    ],
    ids=" ".join,
)
def test_a_wrong_question_exits_with_2(options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(deploy, options).exit_code == 2


def test_help_names_every_option_of_the_specification() -> None:
    said = CliRunner().invoke(deploy, ["--help"])

    assert said.exit_code == 0
    for option in (
        *("-e, --environment", "-b, --branch", "-m, --migrate", "--no-monitor"),
        *("--no-rollback", "--help", "--commit", "--bake", "--gate-hold"),
        *("--monitor-interval", "--failure-threshold", "--unlocked", "--supersede"),
        *("--dry-run", "--reason", "--json", "resume"),
    ):
        assert option in said.output
