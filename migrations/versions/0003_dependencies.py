"""What one replica has found for all of them, and when jobs last said that they live.

Revision ID: 0003_dependencies
Revises: 0002_deployments
Created: 2026-11-23
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003_dependencies"
down_revision: str | Sequence[str] | None = "0002_deployments"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates new tables only, so nothing that serves can be blocked."""
    op.create_table(
        "shared_result",
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False),
        sa.Column("claimed_until", _TIME, nullable=False),
        sa.Column("next_at", _TIME, nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("observed_by", sa.Text(), nullable=True),
        sa.Column("observed_at", _TIME, nullable=True),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("check_name", "fingerprint", name="pk_shared_result"),
        schema="ops",
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("beaten_at", _TIME, nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("format", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeat"),
        schema="ops",
    )


def downgrade() -> None:
    """Drops them; each replica asks for itself again, and jobs count as never seen."""
    for table in ("heartbeat", "shared_result"):
        op.drop_table(table, schema="ops")
