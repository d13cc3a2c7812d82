"""The groups of settings; each field's alias is the variable that sets it.

A field whose type is ``SecretStr`` is also read from the file that ``NAME_FILE``
names, and its value is registered with the redactor.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

__all__ = [
    "AiSettings",
    "CheckKnobs",
    "DatabaseSettings",
    "DeploymentSettings",
    "HealthSettings",
    "MonitoringSettings",
    "OpsSettings",
    "PineconeSettings",
    "RailwaySettings",
    "SecuritySettings",
    "ServerSettings",
    "ServiceSettings",
    "parse_duration",
]


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _flag(value: object) -> object:
    """Reads 1/true/yes and 0/false/no (contract §7), as shells and CI write them."""
    if isinstance(value, str):
        known = {"1": True, "true": True, "yes": True, "on": True}
        known |= {"0": False, "false": False, "no": False, "off": False}
        return known.get(value.strip().lower(), value)
    return value


def parse_duration(value: object) -> object:
    """Seconds of ``90``, ``90s``, ``30m`` or ``1h``; anything else is passed on."""
    if isinstance(value, str):
        text = value.strip().lower()
        number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
        with suppress(ValueError):
            return float(number) * _UNITS[unit]
    return value


_UNITS = {"s": 1, "m": 60, "h": 3600}

Flag = Annotated[bool, BeforeValidator(_flag)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Duration = Annotated[Seconds, BeforeValidator(parse_duration)]


class Group(BaseModel):
    """A frozen group; unknown keys are refused so that a misspelt field is found."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class DatabaseSettings(Group):
    """The application's PostgreSQL, the migrator's, and where state is kept."""

    url: SecretStr | None = Field(None, alias="DATABASE_URL")
    public_url: SecretStr | None = Field(None, alias="DATABASE_PUBLIC_URL")
    unpooled_url: SecretStr | None = Field(None, alias="DATABASE_UNPOOLED_URL")
    migration_url: SecretStr | None = Field(None, alias="MIGRATION_DATABASE_URL")
    state_url: SecretStr | None = Field(None, alias="PM33_STATE_DATABASE_URL")
    pool_size: int = Field(5, alias="DB_POOL_SIZE", ge=1, le=1000)
    pool_timeout: PositiveSeconds = Field(5.0, alias="PM33_DB_POOL_TIMEOUT")
    pool_recycle: PositiveSeconds = Field(1800.0, alias="PM33_DB_POOL_RECYCLE")
    connect_timeout: PositiveSeconds = Field(10.0, alias="PM33_DB_CONNECT_TIMEOUT")
    ssl_require: Flag = Field(default=False, alias="DB_SSL_REQUIRE")
    ssl_ca: Path | None = Field(None, alias="DB_SSL_CA")
    ssl_verify: Literal["none", "ca", "full"] | None = Field(
        None, alias="DB_SSL_VERIFY"
    )
    postgres: Literal["auto", "local", "wheel"] = Field("auto", alias="PM33_POSTGRES")


class AiSettings(Group):
    """Keys of the AI providers."""

    anthropic_api_key: SecretStr | None = Field(None, alias="ANTHROPIC_API_KEY")
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    together_api_key: SecretStr | None = Field(None, alias="TOGETHER_API_KEY")
    together_project_id: str | None = Field(None, alias="TOGETHER_PROJECT_ID")


class PineconeSettings(Group):
    """The vector database."""

    api_key: SecretStr | None = Field(None, alias="PINECONE_API_KEY")
    environment: str | None = Field(None, alias="PINECONE_ENVIRONMENT")
    index: str | None = Field(None, alias="PINECONE_INDEX")


class ServiceSettings(Group):
    """Supabase, Resend, Stripe, and the cache."""

    supabase_url: str | None = Field(None, alias="SUPABASE_URL")
    supabase_anon_key: SecretStr | None = Field(None, alias="SUPABASE_ANON_KEY")
    supabase_service_role_key: SecretStr | None = Field(
        None, alias="SUPABASE_SERVICE_ROLE_KEY"
    )
    resend_api_key: SecretStr | None = Field(None, alias="RESEND_API_KEY")
    stripe_secret_key: SecretStr | None = Field(None, alias="STRIPE_SECRET_KEY")
    stripe_publishable_key: str | None = Field(None, alias="STRIPE_PUBLISHABLE_KEY")
    stripe_webhook_secret: SecretStr | None = Field(None, alias="STRIPE_WEBHOOK_SECRET")
    stripe_webhook_secret_previous: SecretStr | None = Field(
        None, alias="STRIPE_WEBHOOK_SECRET_PREVIOUS"
    )
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    disabled: Names = Field((), alias="PM33_DISABLED_SERVICES")


class MonitoringSettings(Group):
    """Sentry, PostHog, Slack, and how the service itself logs."""

    sentry_dsn: SecretStr | None = Field(None, alias="SENTRY_DSN")
    sentry_auth_token: SecretStr | None = Field(None, alias="SENTRY_AUTH_TOKEN")
    sentry_org: str | None = Field(None, alias="SENTRY_ORG")
    sentry_project: str | None = Field(None, alias="SENTRY_PROJECT")
    posthog_project_api_key: SecretStr | None = Field(
        None, alias="POSTHOG_PROJECT_API_KEY"
    )
    posthog_personal_api_key: SecretStr | None = Field(
        None, alias="POSTHOG_PERSONAL_API_KEY"
    )
    posthog_project_id: str | None = Field(None, alias="POSTHOG_PROJECT_ID")
    posthog_host: str | None = Field(None, alias="POSTHOG_HOST")
    slack_webhook: SecretStr | None = Field(None, alias="PM33_SLACK_WEBHOOK")
    slack_bot_token: SecretStr | None = Field(None, alias="SLACK_BOT_TOKEN")
    slack_channel: str | None = Field(None, alias="SLACK_CHANNEL")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="PM33_LOG_LEVEL"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", alias="PM33_LOG_FORMAT"
    )


class SecuritySettings(Group):
    """Signing keys, tokens of the service's own endpoints, and who may ask."""

    secret_key: SecretStr | None = Field(None, alias="SECRET_KEY")
    secret_key_previous: SecretStr | None = Field(None, alias="SECRET_KEY_PREVIOUS")
    jwt_secret: SecretStr | None = Field(None, alias="JWT_SECRET")
    jwt_secret_previous: SecretStr | None = Field(None, alias="JWT_SECRET_PREVIOUS")
    admin_token: SecretStr | None = Field(None, alias="PM33_ADMIN_TOKEN")
    metrics_token: SecretStr | None = Field(None, alias="PM33_METRICS_TOKEN")
    heartbeat_token: SecretStr | None = Field(None, alias="PM33_HEARTBEAT_TOKEN")
    railway_hook_secret: SecretStr | None = Field(
        None, alias="PM33_RAILWAY_HOOK_SECRET"
    )
    allowed_hosts: Names = Field((), alias="ALLOWED_HOSTS")
    trusted_proxies: str | None = Field(None, alias="TRUSTED_PROXIES")
    rate_limit_enabled: Flag | None = Field(None, alias="RATE_LIMIT_ENABLED")


class ServerSettings(Group):
    """How the service listens, what it mounts, and how it stops."""

    host: str | None = Field(None, alias="HOST")
    port: int = Field(8000, alias="PORT", ge=0, le=65_535)
    socket: Path | None = Field(None, alias="PM33_SOCKET")
    debug: Flag | None = Field(None, alias="DEBUG")
    mount: str | None = Field(None, alias="PM33_MOUNT")
    home: Path | None = Field(None, alias="PM33_HOME")
    lame_duck: Seconds | None = Field(None, alias="PM33_LAME_DUCK")
    drain_timeout: Seconds | None = Field(None, alias="PM33_DRAIN_TIMEOUT")
    close_timeout: PositiveSeconds = Field(3.0, alias="PM33_CLOSE_TIMEOUT")
    header_timeout: PositiveSeconds = Field(10.0, alias="PM33_HEADER_TIMEOUT")
    keep_alive: PositiveSeconds = Field(75.0, alias="PM33_KEEP_ALIVE")


class RailwaySettings(Group):
    """What Railway injects into a container; never the target of a deployment."""

    environment_name: str | None = Field(None, alias="RAILWAY_ENVIRONMENT_NAME")
    deployment_id: str | None = Field(None, alias="RAILWAY_DEPLOYMENT_ID")
    replica_id: str | None = Field(None, alias="RAILWAY_REPLICA_ID")
    replica_region: str | None = Field(None, alias="RAILWAY_REPLICA_REGION")
    git_commit_sha: str | None = Field(None, alias="RAILWAY_GIT_COMMIT_SHA")
    public_domain: str | None = Field(None, alias="RAILWAY_PUBLIC_DOMAIN")
    private_domain: str | None = Field(None, alias="RAILWAY_PRIVATE_DOMAIN")
    service_name: str | None = Field(None, alias="RAILWAY_SERVICE_NAME")
    draining_seconds: Seconds | None = Field(
        None, alias="RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
    )
    overlap_seconds: Seconds | None = Field(
        None, alias="RAILWAY_DEPLOYMENT_OVERLAP_SECONDS"
    )

    @property
    def present(self) -> bool:
        """Whether this process runs on Railway."""
        return self.environment_name is not None or self.deployment_id is not None


class DeploymentSettings(Group):
    """The pipeline's target and credentials, and a release's own identity."""

    platform: Literal["local", "railway"] | None = Field(None, alias="PM33_PLATFORM")
    railway_token: SecretStr | None = Field(None, alias="RAILWAY_TOKEN")
    railway_api_token: SecretStr | None = Field(None, alias="RAILWAY_API_TOKEN")
    railway_project: str | None = Field(None, alias="PM33_RAILWAY_PROJECT")
    railway_service: str | None = Field(None, alias="PM33_RAILWAY_SERVICE")
    railway_environment: str | None = Field(None, alias="PM33_RAILWAY_ENVIRONMENT")
    public_url: str | None = Field(None, alias="PM33_PUBLIC_URL")
    bake: Duration | None = Field(None, alias="PM33_BAKE")
    gate_hold: Duration = Field(10.0, alias="PM33_GATE_HOLD")
    monitor_interval: Annotated[Duration, Field(gt=0)] = Field(
        10.0, alias="PM33_MONITOR_INTERVAL"
    )
    failure_threshold: int = Field(3, alias="PM33_FAILURE_THRESHOLD", ge=1, le=100)
    probe_paths: Names = Field((), alias="PM33_PROBE_PATHS")
    migration_required: Flag = Field(default=False, alias="MIGRATION_REQUIRED")
    deployment_id: str | None = Field(None, alias="PM33_DEPLOYMENT_ID")
    replica_id: str | None = Field(None, alias="PM33_REPLICA_ID")
    commit: str | None = Field(None, alias="PM33_COMMIT")
    migrations: str | None = Field(None, alias="PM33_MIGRATIONS")
    migration_plan: str | None = Field(None, alias="PM33_MIGRATION_PLAN")
    migrate_on_deploy: Literal["expand"] | None = Field(
        None, alias="PM33_MIGRATE_ON_DEPLOY"
    )


class CheckKnobs(Group):
    """What ``HEALTH_<CHECK>_*`` may change of one check; None leaves its default."""

    enabled: Flag | None = None
    critical: Flag | None = None
    shared: Flag | None = None
    gate: Flag | None = None
    period: PositiveSeconds | None = None
    timeout: PositiveSeconds | None = None
    fall: Annotated[int, Field(ge=1, le=100)] | None = None
    rise: Annotated[int, Field(ge=1, le=100)] | None = None
    min_time: Seconds | None = None
    backoff: Flag | None = None
    budget: Annotated[int, Field(ge=0)] | None = None
    base_url: str | None = None


class HealthSettings(Group):
    """The health system as a whole; single checks are set through ``checks``."""

    extra_checks: Names = Field((), alias="HEALTH_EXTRA_CHECKS")
    checks_file: Path | None = Field(None, alias="HEALTH_CHECKS_FILE")
    gate_grace: Seconds = Field(60.0, alias="HEALTH_GATE_GRACE")
    stale_periods: float = Field(3.0, alias="HEALTH_STALE_PERIODS", ge=1, le=100)
    lag_warning: PositiveSeconds = Field(0.5, alias="HEALTH_LAG_WARNING")
    checks: dict[str, CheckKnobs] = Field(default_factory=dict)


class OpsSettings(Group):
    """How often the service tells the fleet that it lives, and asks for overrides."""

    replica_heartbeat: PositiveSeconds = Field(10.0, alias="PM33_REPLICA_HEARTBEAT")
    override_poll: PositiveSeconds = Field(2.0, alias="PM33_OVERRIDE_POLL")
