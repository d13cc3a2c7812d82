"""Reports Python files and functions that have grown too long to hold in mind.

Listed: files above 300 lines, functions above 50. Refused, with exit code 1: files
above 400, functions above 80.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Size", "main", "measure"]

_ROOTS = ("app", "migrations", "scripts", "tests", "bench")


@dataclass(frozen=True, slots=True)
class Size:
    """The length of a file or a function.

    Attributes:
        where: the file, and the function's line and name.
        lines: how long it is, docstring and comments included.
        listed: above this it is reported.
        refused: above this it fails the gate.
    """

    where: str
    lines: int
    listed: int
    refused: int


def measure(path: Path) -> Iterator[Size]:
    """Yields the size of a file and of every function in it."""
    text = path.read_text(encoding="utf-8")
    yield Size(str(path), len(text.splitlines()), 300, 400)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Size(f"{path}:{node.lineno} {node.name}", lines, 50, 80)


def main() -> int:
    """Prints what is too long, the longest first."""
    found = (file for root in _ROOTS for file in Path(root).rglob("*.py"))
    # A dotted folder is nobody's source: bench keeps installed peers in one.
    files = [
        file for file in found if not any(part.startswith(".") for part in file.parts)
    ]
    sizes = [size for file in files for size in measure(file)]
    for size in sorted(sizes, key=lambda size: size.lines, reverse=True):
        if size.lines > size.listed:
            verdict = f"over {size.refused}" if size.lines > size.refused else "long"
            print(f"{size.lines:5}  {size.where}  {verdict}")
    refused = sum(size.lines > size.refused for size in sizes)
    print(f"sizes: {len(files)} files, {refused} above the limit")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
