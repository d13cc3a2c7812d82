r"""Dotenv files: which variables they set, and what is wrong with how they are written.

``NAME=value`` a line, ``export`` allowed. Double quotes take ``\n``, ``\"`` and
``\\``; single quotes take everything as it is; a bare value ends before `` #``.
Nothing here, no message and no ``repr``, ever shows a value.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from app.backend.config.pipes import open_awaited
from app.backend.config.variables import may_be_shown
from app.errors import ConfigError

__all__ = [
    "LONGEST_LINE",
    "Dotenv",
    "Fault",
    "FaultKind",
    "Line",
    "parse_dotenv",
    "read_dotenv",
    "split_lines",
]

LONGEST_LINE: Final = 131_071
"""Bytes that one ``NAME=value`` may have in a process (Linux, ``MAX_ARG_STRLEN``)."""

# A file may be a device or a pipe; no environment is larger (execve(2), ARG_MAX).
_LARGEST_FILE: Final = 2_097_152
_NAME: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_QUOTED: Final = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)')\s*(?:(?<=\s)\#.*)?"""
)
_COMMENT: Final = re.compile(r"\s#")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}
_BOM: Final = "\ufeff"


class FaultKind(StrEnum):
    """What is wrong with a line, for those who mind some of it only."""

    UNPARSABLE = "unparsable"
    NUL = "nul"
    DUPLICATE = "duplicate"
    BOM = "bom"
    CRLF = "crlf"
    CONTROL = "control"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Line:
    """One variable as it is written."""

    number: int
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in the file.

    Attributes:
        number: its line, from 1 on; 0 is the file as a whole.
        message: what goes on after "line N".
    """

    number: int
    message: str
    remedy: str
    kind: FaultKind = FaultKind.UNPARSABLE

    @property
    def loses_a_line(self) -> bool:
        """Whether what the line was to set is missing from the values."""
        return self.kind in {FaultKind.UNPARSABLE, FaultKind.NUL}


@dataclass(frozen=True, slots=True)
class Dotenv:
    """What a file sets, line by line, and its faults in the order of the lines."""

    lines: tuple[Line, ...]
    faults: tuple[Fault, ...] = ()

    def values(self) -> dict[str, str]:
        """Names and values; the last line of a name counts."""
        return {line.name: line.value for line in self.lines}


def read_dotenv(path: Path) -> Dotenv:
    """Reads a file, or what a pipe gives.

    Raises:
        ConfigError: it cannot be read, is no text, or has a line or a size that no
            process could be given; the message names file and line.
    """
    try:
        with open(path, "rb", opener=open_awaited) as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror or type(error).__name__})",
            remedy="name a readable text file of NAME=value lines",
        ) from error
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) > LONGEST_LINE:
            raise ConfigError(
                f"{path}, line {number} is longer than {LONGEST_LINE} bytes",
                remedy="no process can be given it; put the value in a file of its "
                "own, and name that with NAME_FILE",
            )
    if len(content) > _LARGEST_FILE:
        raise ConfigError(
            f"{path} is larger than {_LARGEST_FILE} bytes",
            remedy="no process can be given so much; name a file of variables",
        )
    return parse_dotenv(_decoded(content, path))


def parse_dotenv(text: str) -> Dotenv:
    """Reads all lines that can be read, and tells what is wrong with the others."""
    lines: list[Line] = []
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for number, written in enumerate(split_lines(text), 1):
        if not written.strip() or written.lstrip().startswith("#"):
            continue
        faults += _strange_characters(number, written)
        line = _parse_line(number, written)
        if isinstance(line, Fault):
            faults.append(line)
            continue
        lines.append(line)
        if line.name in first:
            faults.append(_duplicate(line, first[line.name]))
        first.setdefault(line.name, number)
    faults += _file_faults(text, empty=not lines and not faults)
    return Dotenv(tuple(lines), tuple(sorted(faults, key=lambda one: one.number)))


def split_lines(text: str) -> list[str]:
    """The lines as they are counted, without byte order mark and line ends.

    Not ``str.splitlines``, which knows ends that a value may hold.
    """
    lines = text.removeprefix(_BOM).split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _parse_line(number: int, written: str) -> Line | Fault:
    match = _NAME.match(written)
    if match is None:
        return Fault(
            number,
            "is no NAME=value",
            "write a name of letters, digits and underscores, = and the value; a value "
            r"of several lines goes in one, with \n in double quotes",
        )
    if "\0" in written:
        return Fault(
            number,
            "holds a NUL, which no process can be given",
            "write the file anew as plain UTF-8 text",
            FaultKind.NUL,
        )
    value = _value(written[match.end() :])
    if value is None:
        return Fault(
            number,
            "is no NAME=value: its quotes do not match, or text follows them",
            'put the whole value in "double quotes", with \\" for each one inside, '
            r"and \n for a new line",
        )
    return Line(number, match[1], value)


def _value(written: str) -> str | None:
    """What stands behind the equals sign; None if it is quoted wrongly."""
    quoted = _QUOTED.fullmatch(written)
    if quoted is None:
        comment = _COMMENT.search(written)
        bare = (written[: comment.start()] if comment else written).strip()
        return None if bare.startswith(('"', "'")) else bare
    if quoted["double"] is None:
        return quoted["single"]
    return _ESCAPE.sub(lambda one: _ESCAPED.get(one[1], one[1]), quoted["double"])


def _strange_characters(number: int, written: str) -> Iterator[Fault]:
    """Control and invisible characters, which come along with what is pasted."""
    for column, character in enumerate(written, 1):
        if character not in "\t\0" and unicodedata.category(character) in {"Cc", "Cf"}:
            yield Fault(
                number,
                f"holds U+{ord(character):04X}, which cannot be seen, at column "
                f"{column}",
                "type the line anew instead of pasting it",
                FaultKind.CONTROL,
            )
            return


def _duplicate(line: Line, first: int) -> Fault:
    name = line.name if may_be_shown(line.name) else "a name that is not shown"
    return Fault(
        line.number,
        f"sets {name}, which line {first} sets as well",
        "keep one of the two; which one counts differs from reader to reader",
        FaultKind.DUPLICATE,
    )


def _file_faults(text: str, *, empty: bool) -> Iterator[Fault]:
    if text.startswith(_BOM):
        yield Fault(
            1,
            "begins with a byte order mark, which some readers take for a part of the "
            "name",
            "save the file as UTF-8 without one",
            FaultKind.BOM,
        )
    ends = [n for n, line in enumerate(text.split("\n"), 1) if line.endswith("\r")]
    if ends:
        yield Fault(
            ends[0],
            f"ends with CR LF, as do {len(ends)} in all; some readers take the CR for "
            "a part of the value",
            "save the file with the line ends of Unix (LF)",
            FaultKind.CRLF,
        )
    if empty:
        yield Fault(
            0, "holds no variable", "write NAME=value lines in it", FaultKind.EMPTY
        )


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        # Without the cause: that error carries the bytes.
        raise ConfigError(
            f"{path}, line {number} is no UTF-8 text",
            remedy="name a text file of NAME=value lines, saved as UTF-8",
        ) from None
