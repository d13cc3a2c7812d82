import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.backend.config.environment import known_variables
from app.backend.config.validation import REQUIRED
from app.cli.env import validate

CLEAN = dict.fromkeys((*known_variables(), "ENVIRONMENT"))


def ask(*options: str, **variables: str) -> Result:
    return CliRunner(env={**CLEAN, **variables}).invoke(validate, options)


def written(folder: Path, text: str) -> str:
    path = folder / "some.env"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (("-e", "staging"), {}, "environment staging (from --environment)"),
        (("--environment", "STAGING"), {}, "environment staging (from --environment)"),
        ((), {"ENVIRONMENT": "staging"}, "environment staging (from ENVIRONMENT)"),
        ((), {}, "environment development (by default)"),
        (
            ("-e", "staging"),
            {"ENVIRONMENT": "production"},
            "environment staging (from --environment)",
        ),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_the_first_line_says_which_environment_and_why(
    options: tuple[str, ...],
    variables: dict[str, str],
    line: str,
    form: tuple[str, ...],
) -> None:
    said = ask(*options, *form, **variables)

    assert said.exit_code == 0, said.output
    assert said.stderr.splitlines() == [line]


def test_production_without_anything_misses_the_whole_list() -> None:
    said = ask("-e", "production", "--json")

    assert said.exit_code == 1
    body = json.loads(said.stdout)
    assert (body["environment"], body["ok"]) == ("production", False)
    assert {one["variable"] for one in body["findings"]} == set(REQUIRED)
    assert set(body["findings"][0]) == {
        *("variable", "severity", "rule", "message", "remedy", "source")
    }


def test_json_has_two_names() -> None:
    assert ask("--format", "json").stdout == ask("--json").stdout


def test_words_name_the_variable_the_rule_and_the_remedy() -> None:
    said = ask(DB_POOL_SIZE="many")

    assert said.exit_code == 1
    problem, remedy, summary = said.stdout.splitlines()
    assert problem.startswith("error    DB_POOL_SIZE: cannot be used")
    assert problem.endswith("[unusable-value, the process environment]")
    assert remedy.strip().startswith("→ correct the value")
    assert summary == "development: 1 error, 0 warnings, 0 infos"


def test_verbose_lists_what_is_set_and_shows_no_value() -> None:
    said = ask("--verbose", SECRET_KEY="a-canary-secret", DB_POOL_SIZE="7")

    lines = said.stdout.splitlines()
    assert "set      SECRET_KEY  [the process environment]" in lines
    assert "not set  JWT_SECRET" in lines
    assert "canary" not in said.output


def test_only_strict_minds_a_warning() -> None:
    given = {"PM33_DISABLED_SERVICES": "nonsense"}

    assert ask(**given).exit_code == 0
    assert ask("--strict", **given).exit_code == 1
    assert ask("--strict").exit_code == 0


def test_a_file_is_the_only_source(tmp_path: Path) -> None:
    file = written(tmp_path, "ENVIRONMENT=staging\nexport DB_POOL_SIZE='many'\n")
    said = ask("--env-file", file, "--json", ENVIRONMENT="production", PORT="x")

    assert said.exit_code == 1
    [finding] = json.loads(said.stdout)["findings"]
    assert finding["variable"] == "DB_POOL_SIZE"
    assert finding["source"] == file
    assert said.stderr == "environment staging (from ENVIRONMENT)\n"


def test_a_line_that_is_none_is_found_by_its_number(tmp_path: Path) -> None:
    file = written(tmp_path, "# a comment\n\nSECRET_KEY a-canary-secret\nPORT=1\n")
    said = ask("--env-file", file)

    assert said.exit_code == 1
    assert "line 3: is no NAME=value" in said.stdout
    assert "canary" not in said.output


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({"DATABASE_URL": "mysql://canary"}, "DATABASE_URL"),
        ({"PM33_STATE_DATABASE_URL": "canary"}, "PM33_STATE_DATABASE_URL"),
        (
            {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30", "PM33_DRAIN_TIMEOUT": "60"},
            "PM33_DRAIN_TIMEOUT",
        ),
    ],
)
def test_what_only_its_reader_can_tell_is_found_too(
    variables: dict[str, str], variable: str
) -> None:
    said = ask("-e", "development", "--json", **variables)

    assert said.exit_code == 1
    assert variable in {one["variable"] for one in json.loads(said.stdout)["findings"]}
    assert "canary" not in said.output


@pytest.mark.parametrize(
    "options",
    [
        ("--environment", "prod"),
        ("--format", "yaml"),
        ("--env-file", "/nowhere/at/all"),
        ("--nonsense",),
        ("stray",),
    ],
    ids=" ".join,
)
def test_a_wrong_question_exits_with_2(options: tuple[str, ...]) -> None:
    assert ask(*options).exit_code == 2


def test_a_file_that_is_no_text_is_a_wrong_question(tmp_path: Path) -> None:
    path = tmp_path / "some.env"
    path.write_bytes(b"\xff\xfe")

    assert ask("--env-file", str(path)).exit_code == 2
