"""``railway.toml``: how a commit wants to be run.

Keys and defaults are Railway's (config-as-code reference). ``[deploy]`` holds for every
environment, ``[environments.<name>.deploy]`` beats it key by key. Keys that say nothing
about running a release are passed over, since Railway adds some from time to time.
"""

import shlex
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.backend.deploy.platforms.base import ServiceSettings
from app.errors import ConfigError

__all__ = ["SETTINGS_FILE", "commands_of", "read_settings"]

SETTINGS_FILE: Final = "railway.toml"
"""Where a commit keeps its settings."""

_START: Final = "pm33 serve"
_POLICIES: Final = ("ON_FAILURE", "ALWAYS", "NEVER")
_AND: Final = "&&"
_MOST_SECONDS: Final = 86_400.0
_MOST_REPLICAS: Final = 100
_MOST_RETRIES: Final = 1_000


def read_settings(text: str, environment: str) -> ServiceSettings:
    """Reads the settings of one environment.

    Args:
        text: the file's content; empty where the commit has no such file.
        environment: the name that ``[environments.<name>]`` is looked up by.

    Raises:
        ConfigError: it is no TOML, or a value cannot be used; the message names the
            key as it stands in the file.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{SETTINGS_FILE} is no valid TOML: {error}",
            remedy=f"correct {SETTINGS_FILE} and commit it",
        ) from error
    return _Reader(document, environment).settings()


def commands_of(command: str) -> tuple[tuple[str, ...], ...]:
    """Splits a command into words, and at ``&&`` into commands to run in turn.

    There is no shell: quotes are understood, variables and redirections are not.

    Raises:
        ValueError: it is empty, a quote is not closed, or it holds a NUL.
    """
    if "\0" in command:
        raise ValueError("no program can be given a NUL")
    commands: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word == _AND:
            commands.append([])
        else:
            commands[-1].append(word)
    if not all(commands):
        raise ValueError("there is an empty command")
    return tuple(tuple(words) for words in commands)


class _Reader:
    """Looks a key up in the environment's table first."""

    def __init__(self, document: Mapping[str, Any], environment: str) -> None:
        own = _table(document, "environments", environment, "deploy")
        self._tables = {
            f"environments.{environment}.deploy": own,
            "deploy": _table(document, "deploy"),
        }

    def settings(self) -> ServiceSettings:
        default = ServiceSettings(start_command=_START)
        return ServiceSettings(
            start_command=self._read("startCommand", _one_command, _START),
            pre_deploy_command=self._read("preDeployCommand", _command_list, None),
            healthcheck_path=self._read("healthcheckPath", _path, None),
            healthcheck_timeout=self._read(
                "healthcheckTimeout", _seconds, default.healthcheck_timeout
            ),
            overlap_seconds=self._read("overlapSeconds", _seconds, 0.0),
            draining_seconds=self._read("drainingSeconds", _seconds, 0.0),
            restart_policy=self._read(
                "restartPolicyType", _policy, default.restart_policy
            ),
            restart_retries=self._read(
                "restartPolicyMaxRetries", _retries, default.restart_retries
            ),
            replicas=self._read(
                "multiRegionConfig",
                _regions,
                self._read("numReplicas", _replicas, default.replicas),
            ),
        )

    def _read(self, key: str, parse: Callable[[Any], Any], default: Any) -> Any:
        for table, values in self._tables.items():
            if key in values:
                try:
                    return parse(values[key])
                except ValueError as error:
                    raise ConfigError(
                        f"{SETTINGS_FILE}: [{table}] {key} {error}",
                        remedy=f"correct {key} in {SETTINGS_FILE} and commit it",
                    ) from error
        return default


def _table(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    table: Any = document
    for depth, name in enumerate(names, 1):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise ConfigError(
                f"{SETTINGS_FILE}: {'.'.join(names[:depth])} is no table",
                remedy=f"write it as [{'.'.join(names)}]",
            )
    return dict(table)


def _one_command(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("has to be text")  # noqa: TRY004 - all refusals are one kind
    if len(_parsed(value)) > 1:
        raise ValueError(f"has to be one command, without {_AND}")
    return value


def _command_list(value: Any) -> str | None:
    """Railway takes a command or a list of them, which run in turn."""
    commands = [value] if isinstance(value, str) else value
    if not isinstance(commands, list) or not all(isinstance(c, str) for c in commands):
        raise ValueError("has to be text or a list of texts")
    for command in commands:
        _parsed(command)
    return f" {_AND} ".join(commands) or None


def _parsed(command: str) -> tuple[tuple[str, ...], ...]:
    try:
        return commands_of(command)
    except ValueError as error:
        raise ValueError(f"is no command: {error}") from error


def _path(value: Any) -> str:
    if not (isinstance(value, str) and value.startswith("/") and value.isprintable()):
        raise ValueError("has to be a path that begins with /, and printable")
    return value


def _seconds(value: Any) -> float:
    # Railway's own variables of the same meaning are text.
    try:
        seconds = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError(f"has to be seconds from 0 to {_MOST_SECONDS:g}")
    return seconds


def _policy(value: Any) -> str:
    if value not in _POLICIES:
        raise ValueError(f"has to be one of {', '.join(_POLICIES)}")
    return str(value)


def _retries(value: Any) -> int:
    return _whole(value, 0, _MOST_RETRIES)


def _replicas(value: Any) -> int:
    return _whole(value, 1, _MOST_REPLICAS)


def _regions(value: Any) -> int:
    """One machine is one region: it runs the replicas of all of them."""
    if not isinstance(value, dict) or not value:
        raise ValueError("has to be a table of regions")
    counts = [
        _replicas(region.get("numReplicas", 1)) if isinstance(region, dict) else 1
        for region in value.values()
    ]
    return _whole(sum(counts), 1, _MOST_REPLICAS)


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("has to be a whole number")  # noqa: TRY004 - as above
    if not least <= value <= most:
        raise ValueError(f"has to be from {least} to {most}")
    return value
