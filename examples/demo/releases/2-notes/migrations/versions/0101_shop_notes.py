"""A note on an order.

Revision ID: 0101_shop_notes
Revises: 0100_shop_orders
Created: 2026-11-22
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0101_shop_notes"
down_revision: str | None = "0100_shop_orders"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """A column without a default: no rewrite, and the release before ignores it."""
    op.add_column("orders", sa.Column("note", sa.Text()), schema="shop")


def downgrade() -> None:
    """Drops the notes."""
    op.drop_column("orders", "note", schema="shop")
