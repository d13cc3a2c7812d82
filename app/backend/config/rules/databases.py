"""The URLs that lead to a database, read for several rules."""

from collections.abc import Iterator
from typing import Final

from app.backend.config.database_url import (
    DatabaseUrl,
    UnusableDatabaseUrlError,
    read_database_url,
)
from app.backend.config.rules.model import Facts
from app.backend.config.settings import DatabaseSettings

__all__ = ["URLS", "databases", "unusable_databases"]

URLS: Final = tuple(
    str(field.alias)
    for name, field in DatabaseSettings.model_fields.items()
    if name.endswith("url")
)
"""Every variable that holds one; the application's own is the first."""


def databases(facts: Facts) -> Iterator[tuple[str, DatabaseUrl]]:
    """Those that can be read, each after its variable."""
    for name, found in _read(facts):
        if isinstance(found, DatabaseUrl):
            yield name, found


def unusable_databases(facts: Facts) -> Iterator[tuple[str, str]]:
    """Those that nobody could connect with, and why."""
    for name, found in _read(facts):
        if isinstance(found, str):
            yield name, found


def _read(facts: Facts) -> Iterator[tuple[str, DatabaseUrl | str]]:
    for name in URLS:
        text = facts.text(name)
        if text is None:
            continue
        try:
            yield name, read_database_url(text)
        except UnusableDatabaseUrlError as error:
            yield name, error.reason
