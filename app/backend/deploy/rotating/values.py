"""A platform's variables, as a rotation compares them."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

__all__ = ["KEPT", "KeepsFile", "Values", "file_of", "is_same", "place_of"]

KEPT: Final = frozenset({"SECRET_KEY", "JWT_SECRET", "STRIPE_WEBHOOK_SECRET"})
"""Whose old value is kept as ``NAME_PREVIOUS``."""

Values = Mapping[str, str | None]
"""Variables of a platform; None: sealed, or the platform's own."""


@runtime_checkable
class KeepsFile(Protocol):
    """A platform whose variables are lines of a file.

    Nothing in a file is sealed: what such a platform tells nobody is what it adds by
    itself where the file does not set it, and is there again once that is removed.
    """

    @property
    def variables_file(self) -> Path:
        """The file; it need not be there yet."""


def file_of(platform: object) -> Path | None:
    """Where a platform keeps its variables; None: in no file."""
    return platform.variables_file if isinstance(platform, KeepsFile) else None


def place_of(platform: object) -> str:
    """Where people set a platform's variables, in words."""
    file = file_of(platform)
    return f"in {file}" if file else "on the platform"


def is_same(one: str | None, other: str | None) -> bool:
    """Whether both are known and equal; how long it takes tells nothing."""
    if one is None or other is None:
        return False
    return hmac.compare_digest(one.encode(), other.encode())
