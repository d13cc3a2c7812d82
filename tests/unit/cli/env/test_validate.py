import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.backend.config.validation import REQUIRED
from app.cli.env import env
from app.cli.env.validate import validate
from app.errors import UnreadableSourceError
from tests.support.env_command import CLEAN, ask, rules, written

pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (("-e", "staging"), {}, "environment staging (from --environment)"),
        (("--environment", "STAGING"), {}, "environment staging (from --environment)"),
        ((), {"ENVIRONMENT": "staging"}, "environment staging (from ENVIRONMENT)"),
        (
            (),
            {"RAILWAY_ENVIRONMENT_NAME": "staging"},
            "environment staging (from RAILWAY_ENVIRONMENT_NAME)",
        ),
        ((), {}, "environment development (by default)"),
        (
            ("-e", "staging"),
            {"ENVIRONMENT": "production"},
            "environment staging (from --environment)",
        ),
    ],
)
@pytest.mark.parametrize("form", ["table", "json", "github"])
def test_the_first_line_says_which_environment_and_why(
    options: tuple[str, ...], variables: dict[str, str], line: str, form: str
) -> None:
    said = ask(*options, "--format", form, **variables)

    assert said.exit_code == 0, said.output
    assert said.stderr.splitlines() == [line]


def test_production_without_anything_misses_the_whole_list() -> None:
    said = ask("-e", "production", "--json")

    assert said.exit_code == 1
    body = json.loads(said.stdout)
    assert (body["environment"], body["ok"]) == ("production", False)
    assert {one["variable"] for one in body["findings"]} >= set(REQUIRED)
    assert set(body["findings"][0]) == {
        *("variable", "severity", "rule", "message", "remedy", "source")
    }


def test_errors_come_first() -> None:
    said = ask("-e", "production", "--json", PM33_DISABLED_SERVICES="nonsense")
    body = json.loads(said.stdout)
    order = ["error", "warning", "info"]
    places = [order.index(one["severity"]) for one in body["findings"]]

    assert places == sorted(places)
    assert set(places) == {0, 1, 2}


def test_json_has_two_names() -> None:
    assert ask("--format", "json").stdout == ask("--json").stdout


def test_the_table_names_the_variable_the_rule_and_the_remedy() -> None:
    said = ask(DB_POOL_SIZE="many")

    assert said.exit_code == 1
    heading, variable, problem = said.stdout.splitlines()[:3]
    assert (heading, variable) == ("1 error", "  DB_POOL_SIZE")
    assert problem.startswith("    cannot be used")
    assert "[unusable-value]\n    → correct the value; " in said.stdout
    assert "development: 1 error" in said.stdout
    assert said.stdout.endswith("next: pm33 env explain DB_POOL_SIZE\n")


def test_verbose_lists_the_knobs_of_checks_that_are_set_and_no_others() -> None:
    said = ask("--offline", "--verbose", "--json", HEALTH_STRIPE_BASE_URL="http://x")
    there = json.loads(said.stdout)["variables"]

    assert there["HEALTH_STRIPE_BASE_URL"] == "set"
    assert "HEALTH_OPENAI_BASE_URL" not in there


def test_verbose_lists_what_is_set_and_shows_no_value() -> None:
    said = ask("--verbose", SECRET_KEY="a-canary-secret", DB_POOL_SIZE="7")
    told = ask("--verbose", "--json", SECRET_KEY="a-canary-secret")

    lines = said.stdout.splitlines()
    assert "2 variables are set" in lines
    assert "  SECRET_KEY" in lines
    assert re.search(r"not set: .*\bJWT_SECRET\b", said.stdout, re.DOTALL)
    assert json.loads(told.stdout)["variables"]["SECRET_KEY"] == "set"
    assert "canary" not in said.output + told.output


def test_only_strict_minds_a_warning() -> None:
    given = {"PM33_DISABLED_SERVICES": "nonsense"}

    assert ask(**given).exit_code == 0
    assert ask("--strict", **given).exit_code == 1


def test_a_file_is_the_only_source(tmp_path: Path) -> None:
    file = written(tmp_path, "ENVIRONMENT=staging\nexport DB_POOL_SIZE='many'\n")
    said = ask("--env-file", file, "--json", ENVIRONMENT="production", PORT="x")

    assert said.exit_code == 1
    errors = [
        one for one in json.loads(said.stdout)["findings"] if one["severity"] == "error"
    ]
    assert [(one["variable"], one["source"]) for one in errors] == [
        ("DB_POOL_SIZE", f"{file}, line 2")
    ]
    assert said.stderr == "environment staging (from ENVIRONMENT)\n"


@pytest.mark.parametrize(
    ("text", "shell", "line"),
    [
        ("", {"ENVIRONMENT": "staging"}, "staging (from ENVIRONMENT of the shell)"),
        (
            "ENVIRONMENT=development\n",
            {"ENVIRONMENT": "staging"},
            "development (from ENVIRONMENT)",
        ),
        (
            "RAILWAY_ENVIRONMENT_NAME=staging\n",
            {"ENVIRONMENT": "development"},
            "staging (from RAILWAY_ENVIRONMENT_NAME)",
        ),
        (
            "",
            {"RAILWAY_ENVIRONMENT_NAME": "staging"},
            "staging (from RAILWAY_ENVIRONMENT_NAME of the shell)",
        ),
        (
            "PM33_DEFAULT_ENVIRONMENT=development\n",
            {"ENVIRONMENT": "staging"},
            "staging (from ENVIRONMENT of the shell)",
        ),
    ],
)
def test_a_file_that_names_no_environment_is_for_the_shells(
    text: str, shell: dict[str, str], line: str, tmp_path: Path
) -> None:
    said = ask("--env-file", written(tmp_path, f"PORT=80\n{text}"), **shell)

    assert said.stderr == f"environment {line}\n"


def test_an_unknown_environment_of_the_shell_is_a_wrong_question(
    tmp_path: Path,
) -> None:
    said = ask("--env-file", written(tmp_path, "PORT=80\n"), ENVIRONMENT="prod")

    assert isinstance(said.exception, UnreadableSourceError)
    assert "the process environment sets ENVIRONMENT" in str(said.exception)


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("RAILWAY_ENVIRONMENT_NAME=staging", {"RAILWAY_ENVIRONMENT_NAME"}),
        ("RAILWAY_ENVIRONMENT_NAME=pr-12", {"RAILWAY_ENVIRONMENT_NAME"}),
        ("RAILWAY_ENVIRONMENT_NAME=development", set()),
        ("ENVIRONMENT=development\nRAILWAY_ENVIRONMENT_NAME=staging", set()),
    ],
)
def test_a_file_of_another_railway_environment_is_told(
    text: str, blamed: set[str], tmp_path: Path
) -> None:
    said = ask("--env-file", written(tmp_path, text), "-e", "development", "--json")

    found = {k for k, rule in rules(said).items() if rule == "environment-mismatch"}
    assert found == blamed
    assert said.exit_code == 0


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"DATABASE_URL": "postgres"}, "postgresql://"),
        ({"JWT_SECRET": "python3"}, "python3 -c"),
    ],
)
def test_what_the_rules_say_is_not_cut_by_a_secret_that_is_a_word(
    variables: dict[str, str], told: str
) -> None:
    said = ask("-e", "production", "--offline", "--json", **variables)
    texts = [
        f"{one['message']} {one['remedy']}"
        for one in json.loads(said.stdout)["findings"]
        if one["variable"] in variables
    ]

    assert any(told in one for one in texts)
    assert "[redacted]" not in said.stdout


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    one = written(tmp_path, "ENVIRONMENT=staging\n", "one.env")
    two = written(tmp_path, "DB_POOL_SIZE=many\n", "two.env")
    said = ask("--env-file", one, "--env-file", two, "--format", "github")

    assert said.stderr == "environment staging (from ENVIRONMENT)\n"
    assert f",file={two},line=1::DB_POOL_SIZE: cannot be used" in said.stdout
    absent = ask("--env-file", one, "-e", "production", "--format", "github")
    assert f"file={one}::SECRET_KEY: is not set" in absent.stdout


def test_what_is_missing_from_several_files_is_annotated_to_none(
    tmp_path: Path,
) -> None:
    one = written(tmp_path, "ENVIRONMENT=production\n", "one.env")
    two = written(tmp_path, "DB_POOL_SIZE=7\n", "two.env")
    said = ask("--env-file", one, "--env-file", two, "--format", "github")

    told = f"required::SECRET_KEY: is not set ({one} and {two})"
    assert told in said.stdout


def test_a_file_that_names_another_environment_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, "ENVIRONMENT=staging\n")
    wrong = written(tmp_path, "ENVIRONMENT=canary\n", "wrong.env")

    said = ask("--source", file, "-e", "development", "--json")
    assert rules(said)["ENVIRONMENT"] == "environment-mismatch"
    assert said.exit_code == 0
    assert ask("--source", wrong, "-e", "development").exit_code == 1


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({"DATABASE_URL": "mysql://canary"}, "DATABASE_URL"),
        ({"PM33_STATE_DATABASE_URL": "canary"}, "PM33_STATE_DATABASE_URL"),
        (
            {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30", "PM33_DRAIN_TIMEOUT": "60"},
            "RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
        ),
    ],
)
def test_what_only_its_reader_can_tell_is_found_too(
    variables: dict[str, str], variable: str
) -> None:
    said = ask("-e", "development", "--json", "--offline", **variables)

    assert said.exit_code == 1
    assert variable in rules(said)
    assert "canary" not in said.output


def test_colours_are_for_terminals_that_want_them() -> None:
    terminal = CliRunner(env={**CLEAN, "DB_POOL_SIZE": "many"})
    unwanted = CliRunner(env={**CLEAN, "DB_POOL_SIZE": "many", "NO_COLOR": "1"})

    assert "\x1b[" not in ask(DB_POOL_SIZE="many").stdout
    assert "\x1b[" in terminal.invoke(validate, color=True).stdout
    assert "\x1b[" not in unwanted.invoke(validate, color=True).stdout


def test_every_command_of_the_noun_is_there() -> None:
    said = CliRunner().invoke(env, ["--help"])

    assert said.exit_code == 0, said.output
    for command in ("diff", "example", "explain", "rotate", "validate"):
        assert f"\n  {command} " in said.stdout
