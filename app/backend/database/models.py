"""The tables of schema ``ops``, as Alembic compares them with the database.

The service itself reads and writes them with plain SQL through asyncpg; SQLAlchemy is
not imported when it runs.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    Identity,
    Index,
    MetaData,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "SCHEMA",
    "Backfill",
    "Base",
    "CheckTransition",
    "Deployment",
    "DeploymentStep",
    "HealthOverride",
    "Heartbeat",
    "HookEvent",
    "Lease",
    "MigrationAttempt",
    "MigrationRun",
    "MigrationStep",
    "Operation",
    "Replica",
    "SchemaFloor",
    "SharedResult",
]

SCHEMA = "ops"

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Everything of ours lives in one schema, apart from the application's tables."""

    metadata = MetaData(schema=SCHEMA, naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[type, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        int: BigInteger,
        float: Double,
        bool: Boolean,
    }


class Replica(Base):
    """One row for each living process; expired when not seen for 30 s."""

    __tablename__ = "replica"

    replica: Mapped[str] = mapped_column(primary_key=True)
    deployment: Mapped[str]
    release: Mapped[str]
    needed_head: Mapped[str]
    state: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CheckTransition(Base):
    """A check's published status changed on one replica."""

    __tablename__ = "check_transition"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    replica: Mapped[str]
    release: Mapped[str]
    check: Mapped[str] = mapped_column("check_name")
    before: Mapped[str]
    after: Mapped[str]
    failure: Mapped[str | None]
    message: Mapped[str]
    at: Mapped[datetime]

    __table_args__: Any = (Index("ix_check_transition_at", "at"),)


class HealthOverride(Base):
    """What an operator says over the checks' heads, always with an end."""

    __tablename__ = "health_override"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    check: Mapped[str | None] = mapped_column("check_name")
    replica: Mapped[str | None]
    release: Mapped[str | None]
    reason: Mapped[str]
    until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__: Any = (
        CheckConstraint("kind in ('maintenance', 'not_ready', 'mute')", name="kind"),
        CheckConstraint("(kind = 'mute') = (check_name is not null)", name="mute"),
        Index("ix_health_override_until", "until"),
    )


class SchemaFloor(Base):
    """What an applied contract revision demands of a release: to know ``requires``."""

    __tablename__ = "schema_floor"

    revision: Mapped[str] = mapped_column(primary_key=True)
    requires: Mapped[str]
    applied_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Deployment(Base):
    """One run of the pipeline: always the fold of its events."""

    __tablename__ = "deployment"

    run: Mapped[str] = mapped_column(primary_key=True)
    environment: Mapped[str]
    kind: Mapped[str]
    platform: Mapped[str]
    commit: Mapped[str]
    previous_commit: Mapped[str | None]
    platform_deployment: Mapped[str | None]
    status: Mapped[str]
    verdict: Mapped[str | None]
    plan: Mapped[Any] = mapped_column(JSONB)
    actor: Mapped[str]
    reason: Mapped[str]
    epoch: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    format: Mapped[int]

    __table_args__: Any = (
        Index("ix_deployment_environment", "environment", "started_at"),
    )


class DeploymentStep(Base):
    """One event of a run, never changed; see ``app.backend.deploy.records.journal``.

    The time belongs to the key because a step may have many notes.
    """

    __tablename__ = "deployment_step"

    run: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    data: Mapped[Any] = mapped_column(JSONB)
    format: Mapped[int]


class Lease(Base):
    """Who may act; see ``app.backend.database.lease``. Rows stay, for their epoch."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    holder: Mapped[str]
    reason: Mapped[str]
    acquired_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Operation(Base):
    """Work that was asked for over HTTP; lost when not heard of for 30 s."""

    __tablename__ = "operation"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    status: Mapped[str]
    actor: Mapped[str]
    request: Mapped[Any] = mapped_column(JSONB)
    result: Mapped[Any | None] = mapped_column(JSONB)
    error: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    format: Mapped[int]

    __table_args__: Any = (Index("ix_operation_created_at", "created_at"),)


class SharedResult(Base):
    """What one replica has found for all; see ``app.backend.health.shared_results``.

    Two fingerprints are two subjects: the same service, asked with another credential
    or at another address. ``claim`` counts, so that a late publisher is known as such.
    """

    __tablename__ = "shared_result"

    check: Mapped[str] = mapped_column("check_name", primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    claim: Mapped[int]
    claimed_by: Mapped[str]
    claimed_until: Mapped[datetime]
    next_at: Mapped[datetime]
    result: Mapped[Any | None] = mapped_column(JSONB)
    observed_by: Mapped[str | None]
    observed_at: Mapped[datetime | None]
    format: Mapped[int]


class Heartbeat(Base):
    """When a job that should run again and again last said that it did."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    beaten_at: Mapped[datetime]
    sender: Mapped[str] = mapped_column(server_default="")
    format: Mapped[int]


class MigrationRun(Base):
    """One run of migrations; see ``app.backend.migrations.running.history``."""

    __tablename__ = "migration_run"

    run: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    goal: Mapped[str]
    actor: Mapped[str]
    before: Mapped[Any] = mapped_column(JSONB)
    after: Mapped[Any | None] = mapped_column(JSONB)
    state: Mapped[str]
    error: Mapped[Any | None] = mapped_column(JSONB)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    format: Mapped[int]

    __table_args__: Any = (Index("ix_migration_run_started_at", "started_at"),)


class MigrationStep(Base):
    """A statement that took effect, written by its own transaction.

    It is open until its revision is applied as a whole; a revision with open steps
    that is not applied is half applied.
    """

    __tablename__ = "migration_step"

    run: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]
    statement: Mapped[str]
    directive: Mapped[str | None]
    lock: Mapped[str]
    open: Mapped[bool]
    at: Mapped[datetime]
    format: Mapped[int]


class MigrationAttempt(Base):
    """A try that failed, or one of a statement that knows no transaction."""

    __tablename__ = "migration_attempt"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run: Mapped[str]
    revision: Mapped[str]
    digest: Mapped[str]
    statement: Mapped[str]
    number: Mapped[int]
    lock_timeout: Mapped[float]
    seconds: Mapped[float]
    outcome: Mapped[str]
    sqlstate: Mapped[str | None]
    blockers: Mapped[Any] = mapped_column(JSONB)
    at: Mapped[datetime]
    format: Mapped[int]

    __table_args__: Any = (
        Index("ix_migration_attempt_run", "run"),
        Index("ix_migration_attempt_revision", "revision", "digest"),
    )


class Backfill(Base):
    """How far a backfill has come; see ``app.backend.migrations.operations``."""

    __tablename__ = "backfill"

    name: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[Any | None] = mapped_column(JSONB)
    done: Mapped[int] = mapped_column(server_default="0")
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    format: Mapped[int]


class HookEvent(Base):
    """A webhook of Railway's that was taken; one that comes again is known by its key.

    ``found`` is what the platform said when it was asked, not what the hook said.
    """

    __tablename__ = "hook_event"

    type: Mapped[str] = mapped_column(primary_key=True)
    deployment: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    state: Mapped[str]
    found: Mapped[Any | None] = mapped_column(JSONB)
    format: Mapped[int]

    __table_args__: Any = (Index("ix_hook_event_received_at", "received_at"),)
