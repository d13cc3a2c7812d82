"""``pm33 migrate status`` and ``verify``: how the schema stands, and what is wrong."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.migrations.migration_manager import MigrationStatus

__all__ = ["status", "verify"]

_REFUSED = 5


@click.command()
@json_option
def status(*, as_json: bool) -> None:
    """Shows where the schema is, who migrates, and what was left behind."""
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    target = migration_manager.migration_target()
    found = asyncio.run(migration_manager.status(target))
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    for line in _told(found):
        click.echo(line)


@click.command()
@json_option
def verify(*, as_json: bool) -> None:
    """Sees whether the schema is whole, and where this release needs it; or ahead.

    Exit codes: 0 it is; 5 it is not, and what to do about it is said.
    """
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    target = migration_manager.migration_target()
    faults = asyncio.run(migration_manager.verify(target))
    if as_json:
        click.echo(json.dumps([fault.to_dict() for fault in faults]))
    else:
        for fault in faults:
            click.echo(f"{fault.message}; {fault.remedy}")
        click.echo("nothing is wrong" if not faults else f"{len(faults)} found")
    sys.exit(_REFUSED if faults else 0)


def _told(found: "MigrationStatus") -> Iterator[str]:
    state = found.state
    at = ", ".join(state.applied) or "nothing"
    yield f"the schema is {state.position}: at {at}, needed is {state.needed}"
    if found.runner is not None:
        yield f"{found.runner} migrates just now"
    for revision, count in found.half_applied.items():
        yield f"{revision} is half applied: {count} of its statements are done"
    for name in found.invalid_indexes:
        yield f"index {name} is not valid"
    for name in found.unproven:
        yield f"constraint {name} is not proven for the rows before it"
    if found.last is not None:
        last = found.last
        when = f"{last.started_at:%Y-%m-%d %H:%M:%S}"
        yield f"the last run, {last.run} of {when} by {last.actor}, is {last.state}"
