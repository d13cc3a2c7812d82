import pytest
from click.testing import CliRunner

from app.cli.deployments import deployments


@pytest.mark.parametrize(
    "options",
    [
        ("--environment", "prod"),
        ("--limit", "0"),
        ("show",),
        ("--environment", "production", "list"),
        ("--json", "show", "d-1"),
        ("logs", "d-1", "d-2"),
        ("cancel",),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_a_wrong_question_exits_with_2(options: tuple[str, ...]) -> None:
    said = CliRunner().invoke(deployments, options)

    assert said.exit_code == 2
    assert "Error: " in said.stderr


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("list", "--help"), "--json"),
        (("show", "--help"), "--json"),
        (("logs", "--help"), "--follow"),
        (("cancel", "--help"), "--json"),
        (("--help",), "--limit"),
    ],
    ids=str,
)
def test_help_names_the_options(words: tuple[str, ...], option: str) -> None:
    said = CliRunner().invoke(deployments, words)

    assert said.exit_code == 0
    assert option in said.output
