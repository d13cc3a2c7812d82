"""How a platform is to run: written down before it starts, and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.backend.database.embedded.server import free_port
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.state import (
    PlatformState,
    load_state,
    save_state,
)
from app.backend.deploy.platforms.local.variables import (
    load_variables,
    parse_variables,
    set_variables,
)
from app.backend.processes.files import FileLock, write_private
from app.errors import ConfigError, PreflightError

__all__ = ["UpOptions", "prepare"]

_DEFAULT_PORT: Final = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What ``up`` may say; None leaves what an earlier one has said.

    Attributes:
        repository: where commits come from.
        environment: ``ENVIRONMENT`` of the releases.
        host: where the proxy listens; loopback at first.
        port: where the proxy listens; 0 picks a free one, 8080 at first.
        env_file: its content becomes the service's variables.
        database: whether a PostgreSQL is started where none is named.
        variables: set where the service has no such variable yet.
    """

    repository: Path | None = None
    environment: str | None = None
    host: str | None = None
    port: int | None = None
    env_file: Path | None = None
    database: bool | None = None
    variables: Mapping[str, str] | None = None


def prepare(places: Places, options: UpOptions) -> bool:
    """Writes down how the platform is to run; one that runs already is left alone.

    Returns:
        Whether it was written down.

    Raises:
        ConfigError: home, repository or variables cannot be used.
        PreflightError: the home belongs to another environment.
    """
    try:
        places.make()
        lock = FileLock(places.supervisor_lock)
        if not lock.acquire():
            _refuse_another(load_state(places.state), options, places)
            return False
    except OSError as error:
        raise ConfigError(
            f"{places.home} cannot be used: {error.strerror}",
            remedy="set PM33_HOME to a folder that this user may write to",
        ) from error
    try:
        state = load_state(places.state)
        if state.deployments:
            _refuse_another(state, options, places)
        repository = str((options.repository or Path(state.repository)).absolute())
        if not state.repository and options.repository is None:
            repository = str(Path.cwd())
        _check_repository(Path(repository))
        _prepare_variables(places, options)
        database = options.database
        state = replace(
            state,
            repository=repository,
            stopped=False,
            environment=options.environment or state.environment,
            host=options.host or state.host,
            port=_port(options.port, state.port),
            database=state.database if database is None else database,
        )
        save_state(places.state, state)
    finally:
        lock.release()
    return True


def _refuse_another(state: PlatformState, options: UpOptions, places: Places) -> None:
    """What has been deployed in one environment is never another one's."""
    asked = options.environment
    if state.repository and asked is not None and asked != state.environment:
        raise PreflightError(
            f"the platform of {places.home} belongs to {state.environment}, "
            f"not to {asked}",
            remedy=f"set PM33_HOME to another folder for {asked}",
        )


def _check_repository(repository: Path) -> None:
    if not (repository / ".git").exists() and not (repository / "HEAD").is_file():
        raise ConfigError(
            f"{repository} is no git repository",
            remedy="name one with --repository, or run this inside of one",
        )


def _prepare_variables(places: Places, options: UpOptions) -> None:
    if options.env_file is not None:
        try:
            text = options.env_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{options.env_file} cannot be read ({type(error).__name__})",
                remedy="name a readable text file of NAME=value lines",
            ) from error
        parse_variables(text, source=options.env_file.name)
        write_private(places.variables, text)
    known = load_variables(places.variables)
    new = {n: v for n, v in (options.variables or {}).items() if n not in known}
    if new:
        set_variables(places.variables, dict(new))


def _port(asked: int | None, known: int) -> int:
    if asked == 0:
        return free_port(known or None)
    return asked or known or _DEFAULT_PORT
