import json
import sys

import click
import pytest

from app.cli.failure import InterruptedCommandError, wants_json
from app.cli.main import cli, main
from app.errors import LeaseHeldError

ASKED = [
    ("deploy", "--bogus", "--json"),
    ("deploy", "-e", "bogus", "--json"),
    ("deploy", "resume", "--json", "--bogus"),
    ("deployments", "show", "--json"),
    ("deployments", "--bogus", "list", "--json"),
    ("env", "validate", "--offline", "--connect", "--json"),
    ("env", "validate", "-e", "bogus", "--format", "json"),
    ("env", "validate", "--format=json", "--bogus"),
    ("nonsense", "--json"),
]
NOT_ASKED = [
    (),
    ("nonsense",),
    ("deploy", "--bogus"),
    ("deploy", "--reason", "--json", "-e", "bogus"),
    ("deployments", "show", "--", "--json", "more"),
    ("env", "validate", "--format", "table", "--bogus"),
]


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line adds the current folder to it."""
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_json_is_asked_for_however_wrong_the_rest_is(words: tuple[str, ...]) -> None:
    assert wants_json(cli, "pm33", words)


def test_nothing_is_coloured_where_nobody_wants_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(SystemExit):
        main(["migrate", "lint", "--sql", "nowhere.sql"])
    assert capsys.readouterr().err.startswith("error: nowhere.sql cannot be read")


@pytest.mark.parametrize("words", NOT_ASKED, ids=" ".join)
def test_what_only_looks_like_the_option_does_not_ask(words: tuple[str, ...]) -> None:
    assert not wants_json(cli, "pm33", words)


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_a_wrong_question_is_one_object_with_its_exit_code(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    said = capsys.readouterr()

    body = json.loads(said.out)
    assert exit_.value.code == body["exit_code"] == 2
    assert body["error"] == "Usage"
    assert body["detail"]
    assert "--help" in body["remedy"]


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (LeaseHeldError("ada is at work", remedy="wait"), 4, "ada is at work"),
        (InterruptedCommandError("left as it is"), 130, "left as it is"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
    ],
    ids=["ours", "the second Ctrl-C", "Ctrl-C"],
)
def test_every_other_end_is_one_object_as_well(
    error: BaseException,
    code: int,
    detail: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def fail(*, as_json: bool) -> None:
        del as_json
        raise error

    with pytest.raises(SystemExit) as exit_:
        main(["--json"], command=fail)
    body = json.loads(capsys.readouterr().out)

    assert exit_.value.code == body["exit_code"] == code
    assert body["detail"] == detail
    with pytest.raises(SystemExit):
        main([], command=fail)
    assert capsys.readouterr().out == ""
