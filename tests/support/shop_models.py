"""The models of a shop, as they are one release after the other."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

__all__ = [
    "FIRST",
    "NAMELESS_FIRST",
    "NAMELESS_SECOND",
    "RENAMED",
    "RETYPED",
    "SECOND",
    "UNSURE",
]

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Cents(sa.types.TypeDecorator[int]):
    """A type of the shop's own."""

    impl = sa.BigInteger
    cache_ok = True


def _tables() -> tuple[sa.MetaData, sa.Table, sa.Table]:
    metadata = sa.MetaData(naming_convention=_NAMES)
    customer = sa.Table(
        "customer",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, comment="as it's written"),
    )
    order = sa.Table(
        "order",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("mood", _mood("glad", "sad"), nullable=True),
        sa.Column("customer_id", sa.ForeignKey("customer.id"), index=True),
    )
    return metadata, customer, order


def _mood(*values: str) -> sa.Enum:
    return sa.Enum(*values, name="mood")


def _first() -> sa.MetaData:
    metadata, customer, order = _tables()
    customer.append_column(sa.Column("fax", sa.Text(), nullable=False))
    order.append_column(sa.Column("note", sa.Text(), index=True))
    sa.Table(
        "stamp",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("order_id", sa.ForeignKey("order.id"), index=True),
    )
    return metadata


def _second() -> sa.MetaData:
    metadata, customer, order = _tables()
    order.c.mood.type = _mood("glad", "calm", "sad")
    order.c.mood.nullable = False
    order.c.mood.server_default = sa.DefaultClause("glad")
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("email", sa.String(200), unique=True),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("level", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("kind", sa.Enum("person", "firm", name="kind")),
        sa.Column(
            "token",
            sa.Uuid(),
            nullable=False,
            server_default=sa.text("gen_random_uuid()"),
        ),
        sa.Column("tags", postgresql.JSONB(), comment="free"),
        sa.Column("invited_by", sa.ForeignKey("customer.id")),
    )
    for column in columns:
        customer.append_column(column)
    sa.Index(
        "ix_customer_open",
        sa.func.lower(customer.c.name),
        postgresql_where=sa.text("level > 0"),
    )
    sa.Table(
        "payment",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("order_id", sa.ForeignKey("order.id", ondelete="CASCADE")),
        sa.Column("amount", Cents(), server_default="0"),
        sa.Index("ix_payment_order_id", "order_id"),
        comment="what has come in",
    )
    return metadata


def _retyped() -> sa.MetaData:
    metadata = _first()
    metadata.tables["order"].c.note.type = sa.BigInteger()
    return metadata


def _renamed() -> sa.MetaData:
    metadata, customer, _ = _tables()
    customer.append_column(sa.Column("facsimile", sa.Text(), nullable=False))
    return metadata


def _unsure() -> sa.MetaData:
    metadata = _first()
    customer = metadata.tables["customer"]
    customer.append_column(sa.Column("city", sa.Integer(), nullable=False))
    customer.append_column(sa.Column("number", sa.Integer(), sa.Identity()))
    customer.append_column(sa.Column("plain", sa.Integer()))
    return metadata


def _nameless(*columns: sa.Column[Any], checks: tuple[str, ...] = ()) -> sa.MetaData:
    """Without a naming convention, as most begin."""
    metadata = sa.MetaData()
    sa.Table(
        "visit",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("guests", sa.Integer(), nullable=False, unique=True),
        *columns,
        *(sa.CheckConstraint(one, name=f"visit_{n}") for n, one in enumerate(checks)),
    )
    return metadata


def _nameless_second() -> sa.MetaData:
    code: sa.Column[Any] = sa.Column("code", sa.String(9), unique=True)
    before: sa.Column[Any] = sa.Column("before_id", sa.ForeignKey("visit.id"))
    checks = ("guests > 0", "code <> 'a:b' AND guests % 2 < 9")
    metadata = _nameless(code, before, checks=checks)
    sa.Table(
        "bill",
        metadata,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("visit_id", sa.ForeignKey("visit.id"), index=True),
        sa.CheckConstraint("id > 0", name="bill_counts"),
    )
    return metadata


FIRST = _first()
NAMELESS_FIRST = _nameless(checks=("guests > 0",))
NAMELESS_SECOND = _nameless_second()
SECOND = _second()
RETYPED = _retyped()
RENAMED = _renamed()
UNSURE = _unsure()
