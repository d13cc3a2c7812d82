"""Revisions of one's own, for tests: a folder of files, and Alembic's view of it."""

import textwrap
from pathlib import Path

from alembic.config import Config as AlembicConfig

__all__ = ["outside", "revisions", "sends"]

_FILE = '''"""Number {number}."""
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {before!r}
branch_labels = {labels!r}
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''


def revisions(
    folder: Path, *ups: str, down: str = "pass", downs: tuple[str, ...] = ()
) -> AlembicConfig:
    """Writes a chain of revisions r1, r2, ... and says where it is.

    Args:
        folder: an empty one.
        ups: the body of each upgrade.
        down: the body of each downgrade.
        downs: the same, one for each.
    """
    versions = folder / "versions"
    versions.mkdir(parents=True)
    for number, up in enumerate(ups, start=1):
        body = downs[number - 1] if downs else down
        text = _FILE.format(
            number=number,
            name=f"r{number}",
            before=f"r{number - 1}" if number > 1 else None,
            labels=None if number > 1 else ("expand",),
            up=_indented(up),
            down=_indented(body),
        )
        (versions / f"r{number}.py").write_text(text, encoding="utf-8")
    config = AlembicConfig()
    config.set_main_option("script_location", str(folder))
    return config


def sends(*statements: str) -> str:
    """The body of an upgrade that sends these."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


def outside(*statements: str) -> str:
    """The same, in an autocommit block."""
    lines = "\n".join(f"    op.execute({statement!r})" for statement in statements)
    return f"with op.get_context().autocommit_block():\n{lines}"


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
