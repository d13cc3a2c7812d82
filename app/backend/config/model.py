"""The one model of everything that can be set.

``app.backend.config.environment`` reads it, and is where others import it from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import get_args

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from app.backend.config.settings import (
    AiSettings,
    DatabaseSettings,
    DeploymentSettings,
    Group,
    HealthSettings,
    LimitSettings,
    MigrationSettings,
    MonitoringSettings,
    OpsSettings,
    PineconeSettings,
    RailwaySettings,
    SecuritySettings,
    ServerSettings,
    ServiceSettings,
)
from app.backend.config.urls import host_of

__all__ = ["Config", "Environment", "Problem", "fields", "plain_names"]

# Whose requests Railway sends after a deploy (docs.railway.com, "Healthchecks").
_RAILWAY_PROBE = "healthcheck.railway.app"


class Environment(StrEnum):
    """Where the service runs; decides defaults and what must be configured."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable whose value could not be used; the message never shows the value.

    Attributes:
        is_doubtful: the variable may be another program's, so that it is no reason to
            stop anything.
    """

    variable: str
    message: str
    remedy: str
    is_doubtful: bool = False


class Config(BaseSettings):
    """Everything that can be set, frozen. Read it with ``get_config``."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    environment: Environment = Environment.DEVELOPMENT
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    ai: AiSettings = Field(default_factory=AiSettings)
    pinecone: PineconeSettings = Field(default_factory=PineconeSettings)
    services: ServiceSettings = Field(default_factory=ServiceSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    railway: RailwaySettings = Field(default_factory=RailwaySettings)
    deployment: DeploymentSettings = Field(default_factory=DeploymentSettings)
    migrations: MigrationSettings = Field(default_factory=MigrationSettings)
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
        """Values come in through ``read_config`` only, never behind its back."""
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
    def debug(self) -> bool:
        """Whether errors may be shown to users: ``DEBUG``, else in development."""
        wanted = self.server.debug
        return self.is_development if wanted is None else wanted

    @property
    def rate_limit(self) -> bool:
        """Whether requests are limited; unless it is set, outside development.

        What is unset is safe: nobody has to remember it for production.
        """
        wanted = self.security.rate_limit_enabled
        return not self.is_development if wanted is None else wanted

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names to answer for, in lower case; empty: nobody said which.

        ``ALLOWED_HOSTS``, else those of ``PM33_PUBLIC_URL`` and Railway's domains,
        among which is that of its probe (contract §10).
        """
        if self.security.allowed_hosts:
            return tuple(host.lower() for host in self.security.allowed_hosts)
        railway = self.railway
        given = (
            host_of(self.deployment.public_url),
            railway.public_domain,
            railway.private_domain,
        )
        hosts = [host.lower() for host in given if host]
        if hosts and railway.present:
            hosts.append(_RAILWAY_PROBE)
        return tuple(dict.fromkeys(hosts))

    @property
    def home(self) -> Path:
        """The folder of local state: ``PM33_HOME``, else ``.pm33/`` in the project."""
        return self.server.home or _project_root() / ".pm33"

    @property
    def lame_duck(self) -> float:
        """Seconds between the word to stop and the end of accepting."""
        return self.lame_duck_on(railway=self.railway.present)

    def lame_duck_on(self, *, railway: bool) -> float:
        """The same for a service that runs there, or elsewhere.

        Railway moves the traffic before it sends SIGTERM, so there is nobody to tell.
        """
        if self.server.lame_duck is not None:
            return self.server.lame_duck
        return 0.0 if railway else 2.0

    def secrets(self) -> Iterator[str]:
        """Every secret value in use, for the redactor and for nobody else.

        What the file of declared checks takes from variables is one, unless a setting
        of that name is none.
        """
        yield from (value for _, value in self.named_secrets())
        references = self.health.references
        for name in references.keys() - plain_names():
            yield references[name].get_secret_value()

    def named_secrets(self) -> Iterator[tuple[str, str]]:
        """The same, each after its variable; from files, too."""
        for group, field, name, _ in fields():
            value = getattr(getattr(self, group), name)
            if isinstance(value, SecretStr):
                yield str(field.alias), value.get_secret_value()


def fields() -> Iterator[tuple[str, FieldInfo, str, bool]]:
    """Yields group, field, field name, and whether the field is a secret."""
    for group, outer in Config.model_fields.items():
        if isinstance(outer.annotation, type) and issubclass(outer.annotation, Group):
            for name, field in outer.annotation.model_fields.items():
                if field.alias is not None:
                    secret = SecretStr in get_args(field.annotation)
                    yield group, field, name, secret


def plain_names() -> frozenset[str]:
    """The variables of settings that are no secrets."""
    names = (str(field.alias) for _, field, _, secret in fields() if not secret)
    return frozenset(("ENVIRONMENT", *names))


def _project_root() -> Path:
    return Path(__file__).resolve().parents[3]
