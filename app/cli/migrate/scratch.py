"""Where a database is made to try revisions on; `plan` and `lint` ask alike."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from app.backend.config.environment import Config
    from app.backend.migrations.analysis.scratch import ScratchPlace

__all__ = ["place_of", "scratch_option"]

scratch_option = click.option(
    "--scratch",
    type=click.Choice(["auto", "target", "embedded"]),
    default="auto",
    show_default=True,
    help="Where that database is made, and dropped again: on the target's server, or on"
    " one of our own. auto: on the first of the two where that is allowed; for"
    " production on our own, since to drop a database is a checkpoint.",
)


def place_of(word: str, config: "Config") -> "ScratchPlace":
    """The place that an option means in an environment."""
    from app.backend.config.environment import Environment  # noqa: PLC0415 - 0.3 s
    from app.backend.migrations.analysis.scratch import (  # noqa: PLC0415 - asyncpg
        ScratchPlace,
    )

    place = ScratchPlace(word)
    if place is ScratchPlace.AUTO and config.environment is Environment.PRODUCTION:
        return ScratchPlace.EMBEDDED
    return place
