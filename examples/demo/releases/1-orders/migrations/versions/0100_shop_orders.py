"""The shop's orders.

Revision ID: 0100_shop_orders
Revises: 0005_hook_event
Created: 2026-11-22
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0100_shop_orders"
down_revision: str | None = "0005_hook_event"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Creates a new table only."""
    op.execute("create schema if not exists shop")
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("item", sa.Text(), nullable=False),
        schema="shop",
    )


def downgrade() -> None:
    """Drops it, and the orders with it."""
    op.drop_table("orders", schema="shop")
    op.execute("drop schema shop")
