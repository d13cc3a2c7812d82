"""Values as both JSON and PostgreSQL can hold them."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["storable", "storable_text"]


def storable(value: Any) -> Any:
    """The value as plain JSON data that ``jsonb`` takes; never raises.

    What JSON has no word for becomes text, what ``jsonb`` refuses is replaced.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {
                storable_text(str(key)): storable(one) for key, one in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [storable(one) for one in value]
        case _:  # text, and what JSON has no word for
            return storable_text(str(value))


def storable_text(value: str) -> str:
    """Without NUL and lone surrogates, which ``jsonb`` and ``text`` refuse."""
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")
