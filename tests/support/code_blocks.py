"""The fenced code blocks of a page of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks_of"]

_ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_FILE = re.compile(r"# (\S+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One of them.

    Attributes:
        file: the name in its first line, if that is a comment with nothing else.
    """

    language: str
    text: str
    file: str


def blocks_of(page: str) -> tuple[Block, ...]:
    """All of a page, in order."""
    text = (_ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        named = _FILE.match(match["text"])
        file = named[1] if named else ""
        found.append(Block(match["language"], match["text"], file))
    return tuple(found)
