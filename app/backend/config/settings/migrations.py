"""Settings of migrations: how long they wait, and make others wait."""

from typing import Annotated

from pydantic import Field

from app.backend.config.settings.values import Duration, Group

__all__ = ["MigrationSettings"]


class MigrationSettings(Group):
    """How long a migration may wait, and make others wait."""

    folder: str | None = Field(
        None,
        alias="PM33_MIGRATIONS",
        description="Folder of the application's own revisions, or of the Alembic "
        "project whose versions/ they are in; migrated after ours.",
    )
    metadata: str | None = Field(
        None,
        alias="PM33_METADATA",
        description="The application's tables as SQLAlchemy knows them, as "
        "package.module:object; for `pm33 migrate new`.",
    )
    version_table: str = Field(
        "public.alembic_version",
        alias="PM33_VERSION_TABLE",
        pattern=r"^([^.\s]+\.)?[^.\s]*alembic_version[^.\s]*$",
        description="Where Alembic keeps which of the application's own revisions are "
        "applied; its name has alembic_version in it, maybe behind a schema and a dot.",
    )
    lock_timeout: Annotated[Duration, Field(gt=0, le=60)] = Field(
        0.2,
        alias="PM33_MIGRATE_LOCK_TIMEOUT",
        description="Longest that one try may wait for a lock behind which others have "
        "to wait; the stall that users see. Tries begin with 20 to 50 ms.",
    )
    lock_budget: Annotated[Duration, Field(gt=0)] = Field(
        300.0,
        alias="PM33_MIGRATE_LOCK_BUDGET",
        description="Time that a run may lose to locks, with the pauses between tries, "
        "until it gives up.",
    )
    statement_timeout: Duration = Field(
        10.0,
        alias="PM33_MIGRATE_STATEMENT_TIMEOUT",
        description="Longest that a statement may hold such a lock; 0 sets no limit.",
    )
    wait: Duration = Field(
        1800.0,
        alias="PM33_MIGRATE_WAIT",
        description="How long to wait for another migration to end.",
    )
