"""``pm33 migrate plan``: what would be applied, and what it would do."""

import asyncio
import json

import click

from app.cli.migrate.scratch import place_of, scratch_option
from app.cli.migrate.settings import usable_config

__all__ = ["plan"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option(
    "--to",
    "destination",
    default="expand@head",
    show_default=True,
    metavar="REVISION",
    help="Where to, as Alembic names it: contract@head, heads, an id.",
)
@click.option(
    "--trace/--no-trace",
    default=True,
    show_default=True,
    help="Try the revisions on a scratch database, which sees dynamic SQL; of more than"
    " a hundred only where one is asked for.",
)
@scratch_option
def plan(*, as_json: bool, destination: str, trace: bool, scratch: str) -> None:
    """Shows what `migrate up` would apply, and the plan's hash; changes nothing.

    For each statement: the strongest lock, other tables that are locked, whether it
    scans, builds or rewrites, how large the table is and how long that takes, who would
    be in the way now, which prepared statements would fail once, and what a downgrade
    brings back.

    Exit codes: 0 the plan is shown; 1 the database cannot be asked; 2 there is no such
    revision.
    """
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s
    from app.backend.migrations.planning.planner import (  # noqa: PLC0415 - as above
        Scratch,
    )
    from app.backend.migrations.planning.table import render  # noqa: PLC0415 - as above

    config = usable_config()
    target = migration_manager.migration_target(config)
    where = Scratch(home=config.home, place=place_of(scratch, config))
    found = asyncio.run(
        migration_manager.plan(target, destination, scratch=where if trace else None)
    )
    click.echo(json.dumps(found.to_dict()) if as_json else render(found))
