"""The private network: names that only releases and their commands can reach."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

__all__ = ["POSTGRES", "PrivateNetwork"]

POSTGRES: Final = "postgres.railway.internal"
"""The name that a project's PostgreSQL has on Railway."""

_PORT: Final = 5432


class PrivateNetwork:
    """What ``<service>.railway.internal`` leads to.

    Variables hold the names, so that whoever reads them by the API cannot reach what
    they name: no such name resolves. Where a release or its pre-deploy command starts,
    the address takes the name's place, which is all that a test can do without name
    servers of its own.
    """

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}

    def hide(self, url: str, name: str = POSTGRES) -> str:
        """The URL as variables are to hold it; its server has that name from now on."""
        parts = urlsplit(url)
        self._addresses[name] = f"{parts.hostname}:{parts.port or _PORT}"
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{name}:{_PORT}").geturl()

    def within(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables as seen by who is in the network."""
        return {name: self._reached(value) for name, value in variables.items()}

    def _reached(self, value: str) -> str:
        for name, address in self._addresses.items():
            whole = rf"(?<![\w.-]){re.escape(name)}(?::\d+)?(?![\w.-])"
            value = re.sub(whole, address, value)
        return value
