"""Commits of this very project: an old release, and newer ones that take its place."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from app.backend.database.schema_heads import EXPAND_HEAD
from tests.support.local_platform import own_repository

__all__ = ["HEALTH_TIMEOUT", "Releases"]

HEALTH_TIMEOUT: Final = 20.0
"""Seconds that a platform gives a release to pass its gate."""

_SETTINGS: Final = f"""
[deploy]
startCommand = "pm33 serve"
healthcheckTimeout = {HEALTH_TIMEOUT:g}
overlapSeconds = 0
drainingSeconds = 8
numReplicas = 1
"""
_GATE: Final = 'healthcheckPath = "/api/health/startup"\n'
_PRE_DEPLOY: Final = 'preDeployCommand = ["pm33 migrate up --phase expand"]\n'
_PRE_DEPLOY_BY_PLAN: Final = _PRE_DEPLOY.replace('"]', ' --plan-from-env"]')
# Said, since Railway goes on with what a later release has stored and this one has not.
_NO_PRE_DEPLOY: Final = "preDeployCommand = []\n"
_MORE: Final = f'''
"""One more table, which the old release does not know.

Revision ID: 9000_more
Revises: {EXPAND_HEAD}
"""

import sqlalchemy as sa
from alembic import op

revision = "9000_more"
down_revision = "{EXPAND_HEAD}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates a new table only."""
    op.create_table("more", sa.Column("id", sa.Text(), primary_key=True), schema="ops")


def downgrade() -> None:
    """Drops it."""
    op.drop_table("more", schema="ops")
'''


class Releases:
    """Commits of this very project, each with settings of its own.

    Args:
        folder: takes the repository.

    Attributes:
        repository: where the commits are.
    """

    def __init__(self, folder: Path) -> None:
        self.repository = own_repository(folder, _SETTINGS)
        self._old = {
            (pre_deploy, gated): self._commit(
                _SETTINGS
                + (_PRE_DEPLOY_BY_PLAN if pre_deploy else _NO_PRE_DEPLOY)
                + _GATE * gated
            )
            for pre_deploy in (False, True)
            for gated in (False, True)
        }
        newer = _SETTINGS + _PRE_DEPLOY + _GATE
        self._same_schema = self._commit(newer)
        versions = self.repository.path / "migrations" / "versions"
        (versions / "9000_more.py").write_text(_MORE.lstrip(), encoding="utf-8")
        subprocess.run(
            (sys.executable, "-m", "app.cli", "migrate", "heads", "--write"),
            cwd=self.repository.path,
            check=True,
        )
        self._expanded = self._commit(newer)

    def old(self, *, pre_deploy: bool, gated: bool) -> str:
        """The release to come back to, with or without these two settings."""
        return self._old[pre_deploy, gated]

    def newer(self, *, expands: bool) -> str:
        """The one that took its place, with or without a revision more."""
        return self._expanded if expands else self._same_schema

    def _commit(self, settings: str) -> str:
        path = self.repository.path / "railway.toml"
        path.write_text(settings, encoding="utf-8")
        self.repository.git("add", "--all")
        self.repository.git("commit", "--quiet", "--allow-empty", "--message", "one")
        return self.repository.git("rev-parse", "HEAD")
