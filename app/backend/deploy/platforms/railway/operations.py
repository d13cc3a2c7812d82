"""What is asked of Railway: one file for each operation, under its own name."""

from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["OPERATIONS", "changes", "operation"]

OPERATIONS: Final = Path(__file__).parents[1] / "graphql"
"""The folder of the files; they are installed with the package."""


@cache
def operation(name: str) -> str:
    """The text of an operation.

    Raises:
        LookupError: there is no file of that name.
    """
    try:
        return (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"there is no operation {name}") from None


def changes(name: str) -> bool:
    """Whether it is a mutation, which must never be sent twice by itself.

    Raises:
        LookupError: there is no such operation.
    """
    return operation(name).startswith("mutation")
