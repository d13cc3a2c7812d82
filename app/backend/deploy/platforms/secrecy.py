"""Which of a platform's variables nobody may see the values of."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.backend.monitoring.secret_rules import is_sensitive_key

__all__ = ["ROTATED", "secrets_among"]

ROTATED: Final = "PM33_ROTATED"
"""Says when variables were rotated: ``SECRET_KEY=2026-11-23,…``."""
_PREVIOUS: Final = "_PREVIOUS"


def secrets_among(variables: Mapping[str, str | None]) -> Iterator[str]:
    """The values that are secrets by name, look like it, or were once rotated.

    Whoever rotates a variable says that it is a secret, whatever it is called.
    """
    rotated = {
        part.partition("=")[0].strip()
        for part in (variables.get(ROTATED) or "").split(",")
    }
    for name, value in variables.items():
        plain = name.removesuffix(_PREVIOUS)
        if value and (is_sensitive_key(plain) or plain in rotated or "://" in value):
            yield value
