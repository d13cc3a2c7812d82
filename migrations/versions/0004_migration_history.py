"""What runs of migrations did, and how far backfills have come.

Revision ID: 0004_migration_history
Revises: 0003_dependencies
Created: 2026-11-23
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004_migration_history"
down_revision: str | Sequence[str] | None = "0003_dependencies"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB()


def upgrade() -> None:
    """Creates new tables only, so nothing that serves can be blocked."""
    op.create_table(
        "migration_run",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("before", _JSON, nullable=False),
        sa.Column("after", _JSON, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_migration_run"),
        schema="ops",
    )
    op.create_index(
        "ix_migration_run_started_at", "migration_run", ["started_at"], schema="ops"
    )
    op.create_table(
        "migration_step",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("directive", sa.Text(), nullable=True),
        sa.Column("lock", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("run", "revision", "position"), name="pk_migration_step"
        ),
        schema="ops",
    )
    op.create_table(
        "migration_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("lock_timeout", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sqlstate", sa.Text(), nullable=True),
        sa.Column("blockers", _JSON, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_migration_attempt"),
        schema="ops",
    )
    op.create_index(
        "ix_migration_attempt_run", "migration_attempt", ["run"], schema="ops"
    )
    op.create_index(
        "ix_migration_attempt_revision",
        "migration_attempt",
        ["revision", "digest"],
        schema="ops",
    )
    op.create_table(
        "backfill",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cursor", _JSON, nullable=True),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_backfill"),
        schema="ops",
    )


def downgrade() -> None:
    """Drops them; a revision that is half applied is then no longer known as such."""
    for table in ("backfill", "migration_attempt", "migration_step", "migration_run"):
        op.drop_table(table, schema="ops")
