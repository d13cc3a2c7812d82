"""Where in a TOML file something is written, which ``tomllib`` does not tell.

Read from the text alone, so that it is right for files as people write them: one table
or one field a line. It is for messages only; nothing is decided by it.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

__all__ = ["Path", "line_of", "lines_of"]

Path = tuple[str, ...]
"""The keys that lead to a table or to a field of one."""

_HEADER: Final = re.compile(r"\s*\[(?P<path>[^\[\]]+)\]\s*(?:#.*)?")
_FIELD: Final = re.compile(r"\s*(?P<path>[^=#\[\]]+?)\s*=")
_KEY: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s.\"']+)")
_LONGEST_KEY: Final = 200
_FENCES: Final = ('"""', "'''")


def lines_of(text: str) -> Mapping[Path, int]:
    """The first line of each table and field, from 1 on."""
    found: dict[Path, int] = {}
    here: Path = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if line.count(fence) % 2 else fence
            continue
        header, field = _HEADER.fullmatch(line), _FIELD.match(line[:_LONGEST_KEY])
        if header:
            here = path = _keys(header["path"])
        else:
            path = (*here, *_keys(field["path"])) if field else ()
        for part in accumulate((one,) for one in path):
            found.setdefault(part, number)
        # Until its end, nothing in a text of several lines is a table or a field.
        fence = next((one for one in _FENCES if line.count(one) % 2), "")
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of what the path leads to, or of what it is in; 0: nobody knows."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _keys(text: str) -> Path:
    return tuple(next(filter(None, one), "") for one in _KEY.findall(text))
