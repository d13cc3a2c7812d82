"""``pm33 migrate restore``: brings back what a downgrade has kept."""

import asyncio
import json
from typing import TYPE_CHECKING

import click

from app.cli.migrate.settings import usable_config
from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.migrations.back.restore import Restored, RestoreReport

__all__ = ["restore"]


@click.command()
@click.argument("run", required=False)
@json_option
def restore(run: str | None, *, as_json: bool) -> None:
    """Brings back what the downgrade RUN has kept, once the schema is up again.

    Without RUN: the newest one of which something is left. What is there by now is
    never overwritten; it is counted as a conflict. It can be repeated.

    Exit codes: 0 everything is back, or nothing was kept; 1 something is not; 5 there
    is no such run, or a migration is under way.
    """
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    target = migration_manager.migration_target(usable_config())
    report = asyncio.run(
        migration_manager.restore(
            target, run, tell=lambda event: click.echo(str(event), err=True)
        )
    )
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        _show(report)
    if not report.is_complete:
        raise click.exceptions.Exit(1)


def _show(report: "RestoreReport") -> None:
    for one in report.entries:
        click.echo(_line(one))
    if report.run is None:
        click.echo("nothing is kept that is not back")


def _line(one: "Restored") -> str:
    counts = (
        (one.restored, "brought back"),
        (one.there, "there already"),
        (one.conflicts, "otherwise by now"),
        (one.gone, "without their row"),
    )
    told = ", ".join(f"{count} {words}" for count, words in counts if count)
    problem = f"; {one.problem}" if one.problem else ""
    return f"{one.table}: {told or 'nothing brought back'} of {one.rows}{problem}"
