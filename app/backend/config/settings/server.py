"""Settings of the running service: its keys, and how it listens and stops."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from app.backend.config.settings.values import (
    Duration,
    Flag,
    Group,
    Names,
    PositiveSeconds,
    Seconds,
    signing_keys,
)

__all__ = ["SecuritySettings", "ServerSettings"]

_MONTH = 30 * 86_400.0
_TEN_YEARS = 3650 * 86_400.0


class SecuritySettings(Group):
    """Signing keys, tokens of the service's own endpoints, and who may ask."""

    secret_key: SecretStr | None = Field(
        None,
        alias="SECRET_KEY",
        description="Key that the application signs with, random, of 32 characters or "
        "more.",
    )
    secret_key_previous: SecretStr | None = Field(
        None,
        alias="SECRET_KEY_PREVIOUS",
        description="The SECRET_KEY before the last rotation: still accepted, never "
        "signs.",
    )
    jwt_secret: SecretStr | None = Field(
        None,
        alias="JWT_SECRET",
        description="Key that the application signs its JSON Web Tokens with, random, "
        "of 32 characters or more, and not the SECRET_KEY.",
    )
    jwt_secret_previous: SecretStr | None = Field(
        None,
        alias="JWT_SECRET_PREVIOUS",
        description="The JWT_SECRET before the last rotation: still accepted, never "
        "signs.",
    )
    previous_key_ttl: Annotated[Duration, Field(le=_TEN_YEARS)] = Field(
        _MONTH,
        alias="PM33_PREVIOUS_KEY_TTL",
        description="How long a key may be kept as NAME_PREVIOUS before a warning says "
        "to remove it.",
    )
    rotated: str | None = Field(
        None,
        alias="PM33_ROTATED",
        description="The days on which keys were rotated, as in SECRET_KEY=2026-11-23,"
        "JWT_SECRET=2026-11-01; `pm33 env rotate` writes it.",
    )
    admin_token: SecretStr | None = Field(
        None,
        alias="PM33_ADMIN_TOKEN",
        description="Bearer token of the admin endpoints and of the details of health; "
        "without it there are none of them in production.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        alias="PM33_METRICS_TOKEN",
        description="Bearer token that reads /metrics and nothing else.",
    )
    heartbeat_token: SecretStr | None = Field(
        None,
        alias="PM33_HEARTBEAT_TOKEN",
        description="Bearer token by which jobs report that they have run.",
    )
    railway_hook_secret: SecretStr | None = Field(
        None,
        alias="PM33_RAILWAY_HOOK_SECRET",
        description="Secret that Railway's webhooks to this service have to carry.",
    )
    allowed_hosts: Names = Field(
        (),
        alias="ALLOWED_HOSTS",
        description="Host names that the application answers for; unset, they are "
        "those of PM33_PUBLIC_URL and of Railway's domains.",
    )
    trusted_proxies: str | None = Field(
        None,
        alias="TRUSTED_PROXIES",
        description="Addresses of the proxies whose X-Forwarded headers are believed, "
        "or * for all; unset, only Railway's edge and the local platform's proxy.",
    )
    rate_limit_enabled: Flag | None = Field(
        None,
        alias="RATE_LIMIT_ENABLED",
        description="Whether the application limits the rate of requests; unset, it "
        "does so outside development.",
    )

    @property
    def secret_keys(self) -> tuple[SecretStr, ...]:
        """The first one signs, all are accepted for reading; empty if none is set."""
        return signing_keys(self.secret_key, self.secret_key_previous)

    @property
    def jwt_secrets(self) -> tuple[SecretStr, ...]:
        """The first one signs, all are accepted for reading; empty if none is set."""
        return signing_keys(self.jwt_secret, self.jwt_secret_previous)


class ServerSettings(Group):
    """How the service listens, what it mounts, and how it stops."""

    host: str | None = Field(
        None,
        alias="HOST",
        description="Address to listen on; unset, all of them.",
    )
    port: int = Field(
        8000,
        alias="PORT",
        ge=0,
        le=65_535,
        description="Port to listen on; 0 takes a free one. Railway sets it.",
    )
    socket: Path | None = Field(
        None,
        alias="PM33_SOCKET",
        description="Unix socket to listen on, instead of an address.",
    )
    debug: Flag | None = Field(
        None,
        alias="DEBUG",
        description="Whether the application may show its errors' details to users; "
        "unset, it does so in development only.",
    )
    mount: str | None = Field(
        None,
        alias="PM33_MOUNT",
        description="The ASGI application to serve beside the health endpoints, as in "
        "package.module:app.",
    )
    home: Path | None = Field(
        None,
        alias="PM33_HOME",
        description="Folder of local state; unset, .pm33 in the project.",
    )
    lame_duck: Seconds | None = Field(
        None,
        alias="PM33_LAME_DUCK",
        description="Seconds between the signal to stop and the end of accepting; "
        "unset, 0 on Railway and 2 elsewhere.",
    )
    drain_timeout: Seconds | None = Field(
        None,
        alias="PM33_DRAIN_TIMEOUT",
        description="Seconds that requests in flight are given to end; unset, 20, or "
        "what RAILWAY_DEPLOYMENT_DRAINING_SECONDS leaves.",
    )
    close_timeout: PositiveSeconds = Field(
        3.0,
        alias="PM33_CLOSE_TIMEOUT",
        description="Seconds in which history is stored and connections are closed "
        "before the exit.",
    )
    header_timeout: PositiveSeconds = Field(
        10.0,
        alias="PM33_HEADER_TIMEOUT",
        description="Seconds in which the head of a request has to be complete.",
    )
    keep_alive: PositiveSeconds = Field(
        75.0,
        alias="PM33_KEEP_ALIVE",
        description="Seconds that an idle connection is kept; Railway's edge reuses "
        "them for 60.",
    )
