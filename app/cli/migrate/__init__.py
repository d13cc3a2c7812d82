"""``pm33 migrate``: changes of the schema."""

from collections.abc import Mapping
from typing import Final

import click

from app.cli.lazy import LazyGroup

__all__ = ["migrate"]

_COMMANDS: Final[Mapping[str, str]] = {
    "down": "app.cli.migrate.down:down",
    "heads": "app.cli.migrate.heads:heads",
    "history": "app.cli.migrate.history:history",
    "lint": "app.cli.migrate.lint:lint",
    "new": "app.cli.migrate.new:new",
    "plan": "app.cli.migrate.plan:plan",
    "restore": "app.cli.migrate.restore:restore",
    "status": "app.cli.migrate.status:status",
    "up": "app.cli.migrate.up:up",
    "verify": "app.cli.migrate.status:verify",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def migrate() -> None:
    """Changes of the schema."""
