"""``pm33 env``: variables of an environment."""

from collections.abc import Mapping
from typing import Final

import click

from app.cli.lazy import LazyGroup

__all__ = ["env"]

_COMMANDS: Final[Mapping[str, str]] = {
    "diff": "app.cli.env.diff:diff",
    "example": "app.cli.env.catalogue:example",
    "explain": "app.cli.env.catalogue:explain",
    "rotate": "app.cli.env.rotate:rotate",
    "validate": "app.cli.env.validate:validate",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def env() -> None:
    """Variables of an environment."""
