"""The checks file as `pm33 env validate` judges it, by file and line."""

import json
from pathlib import Path

import pytest

from tests.support.env_command import ask, written

pytestmark = pytest.mark.usefixtures("own_logging")

FAULTY = """\
[checks.shop]
type = "http"
url = "https://shop.example.com/${SHOP_PATH}"
perod = 5

[checks.database]
type = "tcp"
host = "db.example.com"
port = 5432
"""


def findings(path: str, *options: str, **variables: str) -> list[dict[str, str]]:
    said = ask("--offline", "--json", *options, HEALTH_CHECKS_FILE=path, **variables)
    found: list[dict[str, str]] = json.loads(said.stdout)["findings"]
    return [one for one in found if one["variable"] == "HEALTH_CHECKS_FILE"]


def test_every_fault_is_an_error_at_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, FAULTY, "checks.toml")
    found = findings(path)

    assert [(one["severity"], one["rule"], one["source"]) for one in found] == [
        ("error", "declared-check", f"{path}, line 3"),
        ("error", "declared-check", f"{path}, line 4"),
        ("error", "declared-check", f"{path}, line 6"),
    ]
    assert "SHOP_PATH, which is not set" in found[0]["message"]
    assert "did you mean period?" in found[1]["message"]
    assert "two checks are named 'database'" in found[2]["message"]
    assert all(one["remedy"] for one in found)


def test_what_is_declared_well_has_no_finding(tmp_path: Path) -> None:
    text = FAULTY.replace("perod", "period").replace("checks.database", "checks.db")

    assert findings(written(tmp_path, text), SHOP_PATH="health") == []


def test_a_knob_counts_as_it_does_at_the_start(tmp_path: Path) -> None:
    text = '[checks.db]\ntype = "tcp"\nhost = "db.example.com"\nport = 5432\n'
    [found] = findings(written(tmp_path, text), HEALTH_DB_BUDGET="1")

    assert "check 'db' would make up to" in found["message"]
    assert "HEALTH_DB_PERIOD" in found["remedy"]


def test_a_file_that_is_not_there_is_an_error_of_this_process(tmp_path: Path) -> None:
    [found] = findings(str(tmp_path / "none.toml"))

    assert (found["severity"], found["rule"]) == ("error", "declared-check")


def test_a_file_of_another_machine_is_looked_into_where_it_is(tmp_path: Path) -> None:
    env = written(tmp_path, f"HEALTH_CHECKS_FILE={tmp_path}/none.toml\n")
    said = ask("--offline", "--json", "--env-file", env)
    [found] = json.loads(said.stdout)["findings"]

    assert (found["severity"], found["rule"]) == ("info", "file-elsewhere")


def test_annotations_stand_at_the_line_of_the_checks_file(tmp_path: Path) -> None:
    path = written(tmp_path, FAULTY, "checks.toml")
    said = ask("--offline", "--format", "github", HEALTH_CHECKS_FILE=path)

    assert f"file={path},line=3::HEALTH_CHECKS_FILE: declares what" in said.stdout


def test_no_value_that_is_referred_to_is_shown(tmp_path: Path) -> None:
    text = '[checks.shop]\ntype = "http"\nurl = "${SHOP_URL}"\n'
    path = written(tmp_path, text)
    said = ask("--offline", HEALTH_CHECKS_FILE=path, SHOP_URL="c4nary://x")

    assert said.exit_code == 1
    assert "url has to be an http:// or https:// URL" in " ".join(said.output.split())
    assert "c4nary" not in said.output


@pytest.mark.parametrize("token", [{}, {"PM33_HEARTBEAT_TOKEN": "  "}])
def test_a_heartbeat_that_no_job_can_send_is_warned_of(
    tmp_path: Path, token: dict[str, str]
) -> None:
    path = written(tmp_path, '[checks.backup]\ntype = "heartbeat"\nevery = "1d"\n')
    said = ask("--offline", "--json", HEALTH_CHECKS_FILE=path, **token)
    [found] = json.loads(said.stdout)["findings"]

    assert (found["variable"], found["severity"], found["rule"]) == (
        *("PM33_HEARTBEAT_TOKEN", "warning", "heartbeat-token"),
    )
    assert "no job can report to backup" in found["message"]


def test_a_heartbeat_with_a_token_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, '[checks.backup]\ntype = "heartbeat"\nevery = "1d"\n')
    token = "hb-0123456789abcdef0123456789abcdef"
    said = ask(
        "--offline", "--json", HEALTH_CHECKS_FILE=path, PM33_HEARTBEAT_TOKEN=token
    )

    assert json.loads(said.stdout)["findings"] == []
