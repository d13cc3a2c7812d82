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


@pytest.mark.parametrize(
    "text", ["\ufeffA=1\nB=2\n", "A=1\r\nB=2\r\n", "A=0\nB=2\nA=1\n", "A=1\nB=2"]
)
def test_nobody_is_refused_over_how_a_readable_file_is_written(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "variables.env"
    path.write_bytes(text.encode())
    assert load_variables(path) == {"A": "1", "B": "2"}

    set_variables(path, {"A": "3"})

    assert load_variables(path) == {"A": "3", "B": "2"}
    assert path.read_text(encoding="utf-8") == 'B=2\nA="3"\n'


@pytest.mark.parametrize("text", ["", "# only words\n"])
def test_a_file_without_variables_gives_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "variables.env"
    path.write_text(text, encoding="utf-8")

    assert load_variables(path) == {}


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
