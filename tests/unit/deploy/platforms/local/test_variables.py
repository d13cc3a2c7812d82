"""The file of the service's variables."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.platforms.local.variables import (
    load_variables,
    parse_variables,
    set_variables,
)
from app.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        (" export A = b c  ", "b c"),
        ("A=b # a comment", "b"),
        ("A=b#c", "b#c"),
        ('A="b # c"  # a comment', "b # c"),
        (r'A="b\nc\"\\"', 'b\nc"\\'),
        (r"A='b\n'", r"b\n"),
        ("A=postgresql://u:p@h/d?x=y", "postgresql://u:p@h/d?x=y"),
    ],
)
def test_a_line_gives_its_variable_this_value(line: str, value: str) -> None:
    assert parse_variables(line, source="variables.env") == {"A": value}


def test_a_line_that_is_none_is_told_by_its_number_and_not_by_its_content() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_variables("A=b\n\nhunter2", source="variables.env")

    assert "variables.env, line 3" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_value_that_no_process_can_be_given_is_refused() -> None:
    with pytest.raises(ConfigError, match="line 1"):
        parse_variables("A=b\0c", source="variables.env")


def test_changing_one_variable_leaves_the_other_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "variables.env"
    path.write_text("# ours\nA=1\nexport B=2\n\nC=3\n", encoding="utf-8")

    set_variables(path, {"B": "two", "C": None, "D": "x y"})

    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines == ["# ours", "A=1", "", 'B="two"', 'D="x y"']
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B"])
def test_a_name_that_no_shell_takes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        set_variables(tmp_path / "variables.env", {name: "x"})


VALUES = st.text().filter(lambda text: "\0" not in text)


@given(values=st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), VALUES))
def test_every_value_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("home") / "variables.env"

    set_variables(path, values)

    assert load_variables(path) == values
