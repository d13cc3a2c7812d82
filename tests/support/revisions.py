"""Revisions written for a test, as Alembic finds them."""

from pathlib import Path
from textwrap import dedent, indent

from alembic.script import Script, ScriptDirectory

__all__ = ["BODY", "revision", "scripts", "write_revision"]

_HEAD = """\
import sqlalchemy as sa
from alembic import context, op

revision = "{name}"
down_revision = {before!r}
branch_labels = {labels!r}
depends_on = None


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""
BODY = 11
"""The line of a revision's file on which its upgrade begins to do something."""


def write_revision(
    folder: Path,
    upgrade: str,
    *,
    name: str = "0001",
    before: str | None = None,
    downgrade: str = 'op.execute("SELECT 1")',
    labels: tuple[str, ...] = (),
) -> Path:
    """Writes a revision below a folder of revisions; its file."""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    path = folder / "versions" / f"{name}.py"
    body = _HEAD.format(
        name=name,
        before=before,
        labels=labels,
        upgrade=indent(dedent(upgrade).strip(), "    "),
        downgrade=indent(dedent(downgrade).strip(), "    "),
    )
    path.write_text(body)
    return path


def scripts(folder: Path) -> ScriptDirectory:
    """The folder as Alembic reads it."""
    return ScriptDirectory(str(folder))


def revision(folder: Path, upgrade: str, *, downgrade: str = "pass") -> Script:
    """A revision that does this, alone in its folder."""
    write_revision(folder, upgrade, downgrade=downgrade)
    (found,) = scripts(folder).get_revisions("0001")
    assert found is not None
    return found
