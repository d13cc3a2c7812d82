"""The tables of schema ``ops``, as Alembic compares them with the database.

The service itself reads and writes them with plain SQL through asyncpg; SQLAlchemy is
not imported when it runs.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    MetaData,
    Text,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "SCHEMA",
    "Base",
    "CheckTransition",
    "HealthOverride",
    "Replica",
    "SchemaFloor",
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
