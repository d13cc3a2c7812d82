"""Which of Railway's webhooks were taken, and what the platform said when asked.

Revision ID: 0005_hook_event
Revises: 0004_migration_history
Created: 2026-11-23
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005_hook_event"
down_revision: str | Sequence[str] | None = "0004_migration_history"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates a new table only, so nothing that serves can be blocked."""
    op.create_table(
        "hook_event",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("sent_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found", postgresql.JSONB(), nullable=True),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("type", "deployment", "sent_at", name="pk_hook_event"),
        schema="ops",
    )
    op.create_index(
        "ix_hook_event_received_at", "hook_event", ["received_at"], schema="ops"
    )


def downgrade() -> None:
    """Drops it; an event that comes again is then taken for a new one."""
    op.drop_table("hook_event", schema="ops")
