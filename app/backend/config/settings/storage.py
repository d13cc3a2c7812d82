"""Settings of PostgreSQL."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from app.backend.config.settings.values import Flag, Group, PositiveSeconds

__all__ = ["DatabaseSettings"]


class DatabaseSettings(Group):
    """The application's PostgreSQL, the migrator's, and where state is kept."""

    url: SecretStr | None = Field(
        None,
        alias="DATABASE_URL",
        description="URL of the application's PostgreSQL, as in "
        "postgresql://user:password@host:5432/name.",
    )
    public_url: SecretStr | None = Field(
        None,
        alias="DATABASE_PUBLIC_URL",
        description="URL by which the same database is reached from outside the "
        "platform; the pipeline keeps its state there.",
    )
    unpooled_url: SecretStr | None = Field(
        None,
        alias="DATABASE_UNPOOLED_URL",
        description="URL of the same database without a pooler in between; migrations "
        "use it unless MIGRATION_DATABASE_URL is set.",
    )
    migration_url: SecretStr | None = Field(
        None,
        alias="MIGRATION_DATABASE_URL",
        description="URL for migrations, with the user who owns the schema and without "
        "a pooler.",
    )
    state_url: SecretStr | None = Field(
        None,
        alias="PM33_STATE_DATABASE_URL",
        description="URL of the database where the pipeline keeps leases and runs, if "
        "not the application's.",
    )
    pool_size: int = Field(
        5,
        alias="DB_POOL_SIZE",
        ge=1,
        le=1000,
        description="Connections of each replica's pool; two more are its own.",
    )
    pool_timeout: PositiveSeconds = Field(
        5.0,
        alias="PM33_DB_POOL_TIMEOUT",
        description="Seconds that a request waits for a free connection of the pool.",
    )
    pool_recycle: PositiveSeconds = Field(
        1800.0,
        alias="PM33_DB_POOL_RECYCLE",
        description="Seconds after which a connection of the pool is replaced.",
    )
    connect_timeout: PositiveSeconds = Field(
        10.0,
        alias="PM33_DB_CONNECT_TIMEOUT",
        description="Seconds that opening a connection may take.",
    )
    ssl_require: Flag = Field(
        default=False,
        alias="DB_SSL_REQUIRE",
        description="Whether connections to the database have to be encrypted.",
    )
    ssl_ca: Path | None = Field(
        None,
        alias="DB_SSL_CA",
        description="File of the certificate authority that the database's "
        "certificate is verified against.",
    )
    ssl_verify: Literal["none", "ca", "full"] | None = Field(
        None,
        alias="DB_SSL_VERIFY",
        description="How much of the database's certificate is verified: nothing, who "
        "signed it, or its host name as well.",
    )
    postgres: Literal["auto", "local", "wheel"] = Field(
        "auto",
        alias="PM33_POSTGRES",
        description="Which PostgreSQL is started where DATABASE_URL is not set: this "
        "machine's, the one that comes as a Python package, or the first found.",
    )
