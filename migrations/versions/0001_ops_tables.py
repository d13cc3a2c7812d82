"""The tables of schema ops: replicas, transitions, overrides, and the schema's floor.

Revision ID: 0001_ops_tables
Revises:
Created: 2026-11-22
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_ops_tables"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = ("expand",)
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates new tables only, so nothing that serves can be blocked."""
    op.create_table(
        "replica",
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("needed_head", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seen_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("replica", name="pk_replica"),
        schema="ops",
    )
    op.create_table(
        "check_transition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_check_transition"),
        schema="ops",
    )
    op.create_index("ix_check_transition_at", "check_transition", ["at"], schema="ops")
    op.create_table(
        "health_override",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=True),
        sa.Column("replica", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "kind in ('maintenance', 'not_ready', 'mute')",
            name=op.f("ck_health_override_kind"),
        ),
        sa.CheckConstraint(
            "(kind = 'mute') = (check_name is not null)",
            name=op.f("ck_health_override_mute"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_health_override"),
        schema="ops",
    )
    op.create_index(
        "ix_health_override_until", "health_override", ["until"], schema="ops"
    )
    op.create_table(
        "schema_floor",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("requires", sa.Text(), nullable=False),
        sa.Column("applied_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_schema_floor"),
        schema="ops",
    )


def downgrade() -> None:
    """Drops them; the history of transitions and the overrides are lost."""
    for table in ("schema_floor", "health_override", "check_transition", "replica"):
        op.drop_table(table, schema="ops")
