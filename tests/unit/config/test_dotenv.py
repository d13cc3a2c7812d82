"""Dotenv files: what they set, and what is wrong with them, without showing values."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.dotenv import (
    LONGEST_LINE,
    FaultKind,
    parse_dotenv,
    read_dotenv,
)
from app.errors import ConfigError

SECRET = "canary-of-a-secret"


def found(text: str) -> list[tuple[int, FaultKind]]:
    return [(fault.number, fault.kind) for fault in parse_dotenv(text).faults]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A= # a comment", ""),
        (" export A = b c  ", "b c"),
        ("A=b # a comment", "b"),
        ("A=b\t# a comment # and another", "b"),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A=it's", "it's"),
        ("A=b=c==", "b=c=="),
        ('A="b # c"  # a comment', "b # c"),
        ('A=""', ""),
        (r'A="b\nc\"\\"', 'b\nc"\\'),
        (r"A='b\n'", r"b\n"),
        ("A=postgresql://u:p@h/d?x=y", "postgresql://u:p@h/d?x=y"),
    ],
)
def test_a_line_gives_its_variable_this_value(line: str, value: str) -> None:
    read = parse_dotenv(line)

    assert read.values() == {"A": value}
    assert read.faults == ()


@pytest.mark.parametrize(
    "line",
    [
        "hunter2",
        "A B=c",
        "1A=b",
        "A-B=c",
        "=b",
        "A: b",
        'A="b',
        "A='b",
        'A="b"c',
        'A="b"# no space before the comment',
        "A='it's'",
        r'A="b\"',
    ],
)
def test_a_line_that_is_none_is_told_by_its_number_and_the_rest_is_read(
    line: str,
) -> None:
    read = parse_dotenv(f"FIRST=1\n\n{line}\nLAST=2\n")

    assert read.values() == {"FIRST": "1", "LAST": "2"}
    [fault] = read.faults
    assert (fault.number, fault.kind) == (3, FaultKind.UNPARSABLE)
    assert fault.message.startswith("is no NAME=value")
    assert fault.remedy
    assert fault.loses_a_line


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", [(0, FaultKind.EMPTY)]),
        ("\n# nothing but words\n \n", [(0, FaultKind.EMPTY)]),
        ("A=1\nB=2\nA=3\n", [(3, FaultKind.DUPLICATE)]),
        ("A=1\nA=1\nA=1", [(2, FaultKind.DUPLICATE), (3, FaultKind.DUPLICATE)]),
        ("\ufeffA=1\n", [(1, FaultKind.BOM)]),
        ("A=1\r\nB=2\r\n", [(1, FaultKind.CRLF)]),
        ("A=1\nB=2\r\n", [(2, FaultKind.CRLF)]),
        ("A=1\r", [(1, FaultKind.CRLF)]),
        ("A=1\nB=a\0b\n", [(2, FaultKind.NUL)]),
        ("A=a\rb\n", [(1, FaultKind.CONTROL)]),
        ("A=a\x1b[31mb\n", [(1, FaultKind.CONTROL)]),
        ("A=a\x85b", [(1, FaultKind.CONTROL)]),
        ("A=a\u200bb", [(1, FaultKind.CONTROL)]),
        ("A=a\u202eb", [(1, FaultKind.CONTROL)]),
        ("A=\ta # a tab and an é are nothing strange", []),
        ("# \x1b in a comment harms nobody\nA=1", []),
        (
            "\ufeffA=1\r\nA=2\r\nb\r\n",
            [
                *((1, FaultKind.BOM), (1, FaultKind.CRLF)),
                *((2, FaultKind.DUPLICATE), (3, FaultKind.UNPARSABLE)),
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_the_order_of_its_lines(
    text: str, faults: list[tuple[int, FaultKind]]
) -> None:
    assert found(text) == faults


def test_a_name_that_is_set_twice_is_told_with_both_lines() -> None:
    [fault] = parse_dotenv(f"A=1\nSECRET_KEY={SECRET}\n\nSECRET_KEY=other\n").faults

    assert f"line {fault.number} {fault.message}" == (
        "line 4 sets SECRET_KEY, which line 2 sets as well"
    )


@pytest.mark.parametrize(
    "line", ["MIIEvQIBADANBgkqhkiG9w0=", "deadbeefcafe4711=", "x" * 65 + "="]
)
def test_a_line_of_a_pasted_key_is_not_told_as_a_name(line: str) -> None:
    [fault] = parse_dotenv(f"{line}\n{line}\n").faults

    assert fault.kind is FaultKind.DUPLICATE
    assert line[:8] not in fault.message
    assert fault.message.startswith("sets a name that is not shown")


def test_windows_line_ends_are_told_once_and_counted() -> None:
    [fault] = parse_dotenv("A=1\nB=2\r\nC=3\r\n").faults

    assert "as do 2 in all" in fault.message
    assert parse_dotenv("A=1\r\n").values() == {"A": "1"}


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert parse_dotenv("\ufeffA=1").values() == {"A": "1"}


@given(
    st.lists(
        st.sampled_from(
            [*"=\"'\\#\n\r\t \0\ufeffAB", "export ", "\x1b", "\u200b", SECRET, "A="]
        )
    ).map("".join)
)
def test_no_file_breaks_the_reader_or_makes_it_quote_a_value(text: str) -> None:
    read = parse_dotenv(text)

    assert SECRET not in repr(read)
    assert all(line.number <= text.count("\n") + 1 for line in read.lines)
    assert all(0 <= fault.number <= text.count("\n") + 1 for fault in read.faults)


@pytest.mark.parametrize(
    "line",
    ["A=" + " " * 500_000 + "x", "A=" + "\\" * 500_001, 'A="' + "\\" * 500_001],
    ids=["spaces", "backslashes", "quoted backslashes"],
)
def test_the_time_for_a_line_grows_no_faster_than_its_length(line: str) -> None:
    began = time.perf_counter()
    parse_dotenv(line)

    assert time.perf_counter() - began < 5


def test_a_file_is_read_as_its_text_is(tmp_path: Path) -> None:
    path = tmp_path / "some.env"
    path.write_bytes("\ufeffA=é\r\n".encode())

    assert read_dotenv(path) == parse_dotenv("\ufeffA=é\r\n")


def test_what_a_pipe_gives_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("A=1\n",))
    writer.start()

    assert read_dotenv(pipe).values() == {"A": "1"}
    writer.join(10)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"A=1\nB=\xff\xfe" + SECRET.encode(), "line 2 is no UTF-8 text"),
        (f"A={SECRET}".encode("utf-16"), "line 1 is no UTF-8 text"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 60 + b"\xf8\xff", "line 1 is no UTF-8 text"),
        (b"A=1\n\nB=" + SECRET.encode() * 60_000, "line 3 is longer than 131071 bytes"),
        (b"A=" + b"x" * 3_000_000, "line 1 is longer than"),
        (b"A=1\n" * 600_000, "is larger than 2097152 bytes"),
    ],
    ids=["bytes", "UTF-16", "program", "a MB line", "one huge line", "huge file"],
)
def test_what_is_no_file_of_variables_is_refused_with_its_name_and_line(
    content: bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "some.env"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"some\.env") as refused:
        read_dotenv(path)

    assert told in str(refused.value)
    assert refused.value.remedy
    for error in (refused.value, refused.value.__cause__):
        assert "canary" not in repr(error)


def test_the_longest_line_that_a_process_takes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.env"
    path.write_text("A=".ljust(LONGEST_LINE, "x") + "\n")

    assert len(read_dotenv(path).values()["A"]) == LONGEST_LINE - 2


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_cannot_be_read_is_refused_with_its_name(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" if kind == "missing" else tmp_path
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        read_dotenv(path)

    assert str(path) in str(refused.value)
