"""Whether two values are the same, told without keeping either of them.

A fingerprint is an HMAC (RFC 2104, SHA-256) of name and value under a key that one run
draws and throws away: it can be compared with others of that run, kept by nobody, and
guessed by nobody who has no key.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

__all__ = ["Fingerprints", "Prints"]

Prints = Mapping[str, str | None]
"""Fingerprints by the name of the variable; None: it is set, and nobody may read it."""

_KEY_BYTES: Final = 32


class Fingerprints:
    """Takes fingerprints that can be compared with each other, and with no others."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)

    def of(self, variables: Mapping[str, str | None]) -> Prints:
        """The fingerprints of a platform's variables."""
        return {
            name: None if value is None else self._print(name, value)
            for name, value in variables.items()
        }

    def _print(self, name: str, value: str) -> str:
        # No name holds the separator.
        text = f"{name}={value}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
