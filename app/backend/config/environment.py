"""The one model of everything that can be set, and how it is read.

Reading never fails: a value that cannot be used is replaced by its default and kept
as a :class:`Problem`, so that the startup gate can show all of them at once.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from app.backend.config.settings import (
    AiSettings,
    CheckKnobs,
    DatabaseSettings,
    DeploymentSettings,
    Group,
    HealthSettings,
    MonitoringSettings,
    OpsSettings,
    PineconeSettings,
    RailwaySettings,
    SecuritySettings,
    ServerSettings,
    ServiceSettings,
)
from app.errors import ConfigError

__all__ = [
    "Config",
    "Environment",
    "Problem",
    "configured_secrets",
    "get_config",
    "known_variables",
    "read_config",
]

# The longest knob first, so that MIN_TIME is not read as TIME of a check ..._MIN.
_KNOBS = "|".join(sorted(map(str.upper, CheckKnobs.model_fields), key=len)[::-1])
_KNOB = re.compile(rf"HEALTH_(?P<check>[A-Z0-9_]+?)_(?P<knob>{_KNOBS})")


class Environment(StrEnum):
    """Where the service runs; decides defaults and what must be configured."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable whose value could not be used; the message never shows the value."""

    variable: str
    message: str
    remedy: str


class Config(BaseSettings):
    """Everything that can be set, frozen. Read it with :func:`get_config`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    environment: Environment = Environment.DEVELOPMENT
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    ai: AiSettings = Field(default_factory=AiSettings)
    pinecone: PineconeSettings = Field(default_factory=PineconeSettings)
    services: ServiceSettings = Field(default_factory=ServiceSettings)
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    railway: RailwaySettings = Field(default_factory=RailwaySettings)
    deployment: DeploymentSettings = Field(default_factory=DeploymentSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    ops: OpsSettings = Field(default_factory=OpsSettings)
    problems: tuple[Problem, ...] = ()

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values come in through :func:`read_config` only, never behind its back."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def is_production(self) -> bool:
        """Whether the strictest rules apply."""
        return self.environment is Environment.PRODUCTION

    @property
    def is_development(self) -> bool:
        """Whether details may be shown to anybody who asks."""
        return self.environment is Environment.DEVELOPMENT

    @property
    def home(self) -> Path:
        """The folder of local state: ``PM33_HOME``, else ``.pm33/`` in the project."""
        return self.server.home or _project_root() / ".pm33"

    @property
    def lame_duck(self) -> float:
        """Seconds between the word to stop and the end of accepting.

        Railway moves the traffic before it sends SIGTERM, so there is nobody to tell.
        """
        if self.server.lame_duck is not None:
            return self.server.lame_duck
        return 0.0 if self.railway.present else 2.0

    def secrets(self) -> Iterator[str]:
        """Every secret value in use, for the redactor and for nobody else."""
        for group, _, name, _ in _fields():
            value = getattr(getattr(self, group), name)
            if isinstance(value, SecretStr):
                yield value.get_secret_value()


def get_config() -> Config:
    """Reads the process environment; unusable values become ``Config.problems``."""
    return read_config(os.environ)


def configured_secrets() -> tuple[str, ...]:
    """Every secret of the process environment, also where the rest is unusable."""
    values, _ = _collect(os.environ)
    return tuple(
        values[group][str(field.alias)]
        for group, field, _, secret in _fields()
        if secret and str(field.alias) in values.get(group, {})
    )


def known_variables() -> Mapping[str, bool]:
    """Every variable that sets a field, and whether ``NAME_FILE`` may stand for it."""
    return {str(field.alias): secret for _, field, _, secret in _fields()}


def read_config(environ: Mapping[str, str]) -> Config:
    """Builds the configuration from any mapping of variables.

    Raises:
        ConfigError: ``HOST`` or ``PORT`` cannot be used; without them nothing binds.
    """
    values, problems = _collect(environ)
    while True:
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            problems += _drop_invalid(values, error)
        else:
            break
    for problem in problems:
        if problem.variable in {"HOST", "PORT"}:
            raise ConfigError(
                f"{problem.variable}: {problem.message}", remedy=problem.remedy
            )
    return config.model_copy(update={"problems": tuple(problems)})


def _collect(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for group, field, _, secret in _fields():
        variable = str(field.alias)
        text = environ.get(variable, "")
        if secret and not text and environ.get(f"{variable}_FILE"):
            text = _read_secret_file(variable, environ[f"{variable}_FILE"], problems)
        if text:
            values.setdefault(group, {})[variable] = text
    values["environment"] = _environment(environ, problems)
    knobs = _knobs(environ)
    if knobs:
        values.setdefault("health", {})["checks"] = knobs
    return values, problems


def _fields() -> Iterator[tuple[str, FieldInfo, str, bool]]:
    """Yields group, field, field name, and whether the field is a secret."""
    for group, outer in Config.model_fields.items():
        if isinstance(outer.annotation, type) and issubclass(outer.annotation, Group):
            for name, field in outer.annotation.model_fields.items():
                if field.alias is not None:
                    secret = SecretStr in get_args(field.annotation)
                    yield group, field, name, secret


def _read_secret_file(variable: str, path: str, problems: list[Problem]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(
            Problem(
                f"{variable}_FILE",
                f"the file cannot be read ({type(error).__name__})",
                "point it to a readable text file that holds the secret alone",
            )
        )
        return ""


def _environment(environ: Mapping[str, str], problems: list[Problem]) -> Environment:
    """ENVIRONMENT, else Railway's name, else the image's default, else development.

    What cannot be understood is production.

    The strict side is the safe default: details of the health report are public in
    development only.
    """
    named = environ.get("ENVIRONMENT", "").strip().lower()
    if named:
        try:
            return Environment(named)
        except ValueError:
            problems.append(
                Problem(
                    "ENVIRONMENT",
                    "is none of development, staging, production",
                    "set one of these; production's rules apply meanwhile",
                )
            )
            return Environment.PRODUCTION
    railway = environ.get("RAILWAY_ENVIRONMENT_NAME", "").strip().lower()
    if railway:
        known = railway in set(Environment)
        return Environment(railway) if known else Environment.PRODUCTION
    default = environ.get("PM33_DEFAULT_ENVIRONMENT", "").strip().lower()
    return Environment(default) if default in set(Environment) else _UNNAMED


_UNNAMED = Environment.DEVELOPMENT


def _knobs(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    knobs: dict[str, dict[str, str]] = {}
    reserved = {field.alias for _, field, _, _ in _fields()}
    for variable, text in environ.items():
        match = _KNOB.fullmatch(variable)
        if match and text and variable not in reserved:
            check = knobs.setdefault(match["check"].lower(), {})
            check[match["knob"].lower()] = text
    return knobs


def _drop_invalid(values: dict[str, Any], error: ValidationError) -> list[Problem]:
    problems = []
    for detail in error.errors(include_input=False, include_url=False):
        group, *path = (str(part) for part in detail["loc"])
        if path[0] == "checks":
            _, check, knob, *_ = path
            values["health"]["checks"][check].pop(knob, None)
            variable = f"HEALTH_{check.upper()}_{knob.upper()}"
        else:
            variable = path[0]
            values[group].pop(variable, None)
        problems.append(
            Problem(
                variable,
                f"cannot be used: {_reason(detail['msg'], detail['type'])}",
                "correct the value; its default is in use meanwhile",
            )
        )
    return problems


def _reason(message: str, kind: str) -> str:
    """Pydantic's sentence without anything that could quote the value."""
    return message if kind != "value_error" else "it has the wrong form"


def _project_root() -> Path:
    return Path(__file__).resolve().parents[3]
