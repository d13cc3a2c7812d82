"""``pm33 migrate new``: revisions from the models, in their safe form."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from app.cli.migrate.settings import usable_config
from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.migrations.writing.outcome import Written

__all__ = ["new"]


@click.command()
@click.argument("message")
@click.option(
    "--contract",
    is_flag=True,
    help="Write what takes away, for when no release uses it any more.",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Whose revisions: app (those of PM33_MIGRATIONS; the default where it is set)"
    " or pm33.",
)
@click.option("--empty", is_flag=True, help="Compare nothing; write an empty one.")
@json_option
def new(
    message: str, *, contract: bool, source: str | None, empty: bool, as_json: bool
) -> None:
    """Writes what the models have and the database lacks, as revisions.

    What would block or break something becomes a safe operation, and a revision of its
    own. What cannot be done safely in one step is refused, with what to do instead.

    Exit codes: 0 everything is written, or there is nothing to write; 1 something was
    refused, the rest is written; 5 the database lacks revisions that are here, or has
    some that are not.
    """
    written = asyncio.run(_write(message, source, contract=contract, empty=empty))
    if as_json:
        click.echo(json.dumps(written.to_dict()))
    else:
        for one in written.revisions:
            click.echo(one.file)
    for line in _told(written):
        click.echo(line, err=True)
    sys.exit(1 if written.refused else 0)


async def _write(
    message: str, source: str | None, *, contract: bool, empty: bool
) -> "Written":
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - as above
    from app.backend.migrations.sources import source_named  # noqa: PLC0415 - as above

    config = usable_config()
    return await migration_manager.write_revisions(
        migration_manager.migration_target(config),
        message,
        source=source_named(migration_manager.sources_of(config), source),
        contract=contract,
        empty=empty,
    )


def _told(written: "Written") -> list[str]:
    lines = [f"refused: {one}" for one in written.refused]
    lines += [f"later: {one}" for one in written.later]
    lines += [f"note: {one}" for one in written.notes]
    if not (written.revisions or lines):
        lines = ["models and database agree; there is nothing to write"]
    return lines
