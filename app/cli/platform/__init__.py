"""``pm33 platform``: where releases run, and what only the platform can tell."""

from collections.abc import Mapping
from typing import Final

import click

from app.cli.lazy import LazyGroup

__all__ = ["platform"]

_COMMANDS: Final[Mapping[str, str]] = {
    "access": "app.cli.platform.identity:access",
    "alerts": "app.cli.platform.alerts:alerts",
    "down": "app.cli.platform.local:down",
    "settings": "app.cli.platform.settings:settings",
    "shield": "app.cli.platform.shield:shield",
    "status": "app.cli.platform.status:status",
    "up": "app.cli.platform.local:up",
    "variables": "app.cli.platform.identity:variables",
    "whoami": "app.cli.platform.identity:whoami",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def platform() -> None:
    """Runs releases on this machine, or asks the platform that runs them."""
