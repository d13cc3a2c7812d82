import json
import os
from pathlib import Path

import pytest

from app.cli.main import main
from app.errors import UnreadableSourceError
from tests.support.env_command import ask, written

pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.mark.parametrize(
    "options",
    [
        ("--environment", "prod"),
        ("--format", "yaml"),
        ("--nonsense",),
        ("stray",),
        ("--offline", "--connect"),
        ("--env-file", "a", "--source", "process"),
    ],
    ids=" ".join,
)
def test_a_wrong_question_exits_with_2(options: tuple[str, ...]) -> None:
    assert ask(*options).exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--env-file", "/nowhere/at/all"),
        ("--source", "/nowhere/at/all"),
        ("--source", "railway:production"),
        ("--source", "local:prod"),
    ],
    ids=" ".join,
)
def test_a_source_that_there_is_not_exits_with_2(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["env", "validate", *options])

    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "remedy: " in shown.err


def test_an_environment_that_there_is_not_is_a_wrong_question(tmp_path: Path) -> None:
    said = ask(ENVIRONMENT="prod")
    file = written(tmp_path, "# of us\nENVIRONMENT=prod\n")
    told = ask("--env-file", file)

    assert isinstance(said.exception, UnreadableSourceError)
    assert isinstance(told.exception, UnreadableSourceError)
    assert f"{file}, line 2" in str(told.exception)


def test_a_secret_given_twice_is_a_wrong_question() -> None:
    said = ask(SECRET_KEY="canary", SECRET_KEY_FILE="/run/secrets/key")

    assert isinstance(said.exception, UnreadableSourceError)
    assert "canary" not in str(said.exception)


def test_github_is_told_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = written(tmp_path, "A=1\nSECRET_KEY a-canary-secret\n")
    said = ask("--env-file", file, "--format", "github")

    assert isinstance(said.exception, UnreadableSourceError)
    assert said.stdout.startswith(f"::error file={file},line=2::is no NAME=value")
    assert "canary" not in f"{said.output}{said.exception}"


def test_json_tells_file_and_line_of_what_cannot_be_read(tmp_path: Path) -> None:
    file = written(tmp_path, "A=1\nSECRET_KEY a-canary-secret\nA=2\n")
    said = ask("--env-file", file, "--json")

    assert said.exit_code == 2
    body = json.loads(said.stdout)
    assert set(body) == {"error", "detail", "remedy", "exit_code", "faults"}
    assert [(one["file"], one["line"]) for one in body["faults"]] == [
        (file, 2),
        (file, 3),
    ]
    assert "canary" not in said.output


@pytest.mark.full
def test_a_pipe_that_nobody_writes_to_is_a_wrong_question(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = ask("--env-file", str(tmp_path / "pipe"))

    assert isinstance(said.exception, UnreadableSourceError)
    assert "nobody writes to" in str(said.exception)
