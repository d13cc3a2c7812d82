"""``railway.toml`` as Railway reads it: what it says, and nothing that it does not.

A setting that the file passes over stays as it is stored; the file's defaults are no
order to take away what somebody has set on the platform's page.
"""

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from app.backend.deploy.platforms.railway.keys import Values, canonical
from app.backend.deploy.platforms.settings_file import SETTINGS_FILE, read_settings
from app.errors import ConfigError

__all__ = ["SECTIONS", "read_wanted"]

SECTIONS: Final = ("build", "deploy")


def read_wanted(text: str, *environments: str) -> Values:
    """The settings that a commit asks for, by the API's names.

    Args:
        text: the file's content; empty where the commit has none, which asks nothing.
        environments: the names that ``[environments.<name>]`` is looked up by, the one
            that beats the others first: the environment is called one thing here and
            may be called another on Railway.

    Raises:
        ConfigError: it is no TOML, or a value cannot be used; the message names the
            key as it stands in the file.
    """
    for name in environments or ("",):
        read_settings(text, name)
    document = tomllib.loads(text)
    found: dict[str, Any] = {}
    for section in SECTIONS:
        said: dict[str, Any] = {}
        for path in (
            (section,),
            *(("environments", name, section) for name in reversed(environments)),
        ):
            said |= _table(document, *path)
        found |= canonical(said, section, refuse=_refusing(section))
    return MappingProxyType(found)


def _table(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    table: Any = document
    for name in path:
        table = table.get(name, {})
        if not isinstance(table, Mapping):
            raise ConfigError(
                f"{SETTINGS_FILE}: {'.'.join(path)} is no table",
                remedy=f"write it as [{'.'.join(path)}]",
            )
    return dict(table)


def _refusing(section: str) -> Any:
    def refuse(name: str, trouble: str) -> None:
        raise ConfigError(
            f"{SETTINGS_FILE}: [{section}] {name} {trouble}",
            remedy=f"correct {name} in {SETTINGS_FILE} and commit it",
        )

    return refuse
