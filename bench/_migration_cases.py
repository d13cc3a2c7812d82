"""What is migrated: each case as a revision of ours, and as one of plain Alembic."""

import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from textwrap import dedent, indent
from typing import Final

from alembic import command
from alembic.config import Config as AlembicConfig

from app.backend.database.schema_heads import EXPAND_HEAD
from bench._servers import ROOT, environment

__all__ = [
    "CASES",
    "Case",
    "Crowd",
    "Way",
    "alembic_project",
    "release",
    "write_revision",
]

_DEADLINE = 60.0
_REVISION: Final = """
import sqlalchemy as sa
from alembic import op

revision = {name!r}
down_revision = {before!r}
branch_labels = None
depends_on = None


def upgrade():
{body}


def downgrade():
    pass
"""


class Crowd(StrEnum):
    """What else is going on, besides the load."""

    NOBODY = "nobody"
    LONG = "one transaction of 10 s"
    HURRYING = "8 clients in transactions of 50 ms"


class Way(StrEnum):
    """How it is migrated."""

    NOT = "nothing is migrated"
    IDLE = "pm33 migrate up, nothing to do"
    OURS = "pm33 migrate up"
    PLAIN = "plain Alembic"


@dataclass(frozen=True, slots=True)
class Case:
    """One change of the schema.

    Attributes:
        name: for the tables.
        ours: the body of the revision, as our documentation has it.
        plain: the same as Alembic's has it.
        done: a query whose answer is true afterwards.
        crowd: in whose midst.
    """

    name: str
    ours: str
    plain: str
    done: str
    crowd: Crowd = Crowd.NOBODY


_COLUMN: Final = 'op.add_column("orders", sa.Column("note", sa.Text()))'
_COLUMN_DONE: Final = (
    "SELECT true FROM pg_attribute"
    " WHERE attrelid = 'orders'::regclass AND attname = 'note'"
)

CASES: Final = (
    Case(
        "index",
        'op.safe_create_index("ix_orders_placed_at", "orders", ["placed_at"])',
        'op.create_index("ix_orders_placed_at", "orders", ["placed_at"])',
        "SELECT indisvalid FROM pg_index"
        " WHERE indexrelid = to_regclass('ix_orders_placed_at')",
    ),
    Case(
        "foreign key",
        'op.safe_create_foreign_key("fk_orders_customer", "orders", "customers",'
        ' ["customer_id"], ["id"])',
        'op.create_foreign_key("fk_orders_customer", "orders", "customers",'
        ' ["customer_id"], ["id"])',
        "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_orders_customer'",
    ),
    Case(
        "not null",
        'op.safe_set_not_null("orders", "state")',
        'op.alter_column("orders", "state", nullable=False)',
        "SELECT attnotnull FROM pg_attribute"
        " WHERE attrelid = 'orders'::regclass AND attname = 'state'",
    ),
    Case(
        "column, behind a transaction of 10 s",
        _COLUMN,
        _COLUMN,
        _COLUMN_DONE,
        Crowd.LONG,
    ),
    Case(
        "column, among transactions of 50 ms",
        _COLUMN,
        _COLUMN,
        _COLUMN_DONE,
        Crowd.HURRYING,
    ),
)


def release(folder: Path, bodies: dict[str, str]) -> None:
    """Makes a release: this code, with these revisions after its own.

    Args:
        folder: to make; it is the working directory to run ``app.cli`` in.
        bodies: of the revisions' upgrades, by name, in their order.
    """
    for part in ("app", "migrations"):
        shutil.copytree(ROOT / part, folder / part)
    before = EXPAND_HEAD
    for name, body in bodies.items():
        write_revision(folder / "migrations" / "versions", name, body, before=before)
        before = name
    subprocess.run(
        (sys.executable, "-m", "app.cli", "migrate", "heads", "--write"),
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(folder)},
        check=True,
        timeout=_DEADLINE,
    )


def alembic_project(folder: Path, url: str, body: str) -> None:
    """Makes what ``alembic init -t async`` makes, with one revision.

    Args:
        folder: to make; it is the working directory to run ``alembic`` in.
        url: of the database.
        body: of the revision's upgrade.
    """
    folder.mkdir()
    ini = folder / "alembic.ini"
    with redirect_stdout(StringIO()):
        command.init(AlembicConfig(ini), str(folder / "migrations"), template="async")
    driven = url.replace("postgresql:", "postgresql+asyncpg:", 1).replace("%", "%%")
    text = ini.read_text(encoding="utf-8")
    lines = [
        f"sqlalchemy.url = {driven}" if line.startswith("sqlalchemy.url") else line
        for line in text.splitlines()
    ]
    ini.write_text("\n".join(lines), encoding="utf-8")
    write_revision(folder / "migrations" / "versions", "0001_change", body, before=None)


def write_revision(folder: Path, name: str, body: str, *, before: str | None) -> None:
    """Writes a revision's file."""
    block = indent(dedent(body).strip(), "    ")
    text = _REVISION.format(name=name, before=before, body=block)
    (folder / f"{name}.py").write_text(text.lstrip(), encoding="utf-8")
