"""``pm33 migrate status`` and ``verify``: how the schema stands, and what is wrong."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from app.cli.migrate.settings import usable_config
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

    target = migration_manager.migration_target(usable_config())
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

    target = migration_manager.migration_target(usable_config())
    faults = asyncio.run(migration_manager.verify(target))
    wrong = [fault for fault in faults if not fault.is_note]
    if as_json:
        click.echo(json.dumps([fault.to_dict() for fault in faults]))
    else:
        for fault in faults:
            click.echo(f"{'note: ' * fault.is_note}{fault.message}; {fault.remedy}")
        click.echo(f"{len(wrong)} found" if wrong else "nothing is wrong")
    sys.exit(_REFUSED if wrong else 0)


def _told(found: "MigrationStatus") -> Iterator[str]:
    state = found.state
    for one in state.each:
        at = ", ".join(one.applied) or "nothing"
        whose = f" of {one.source}" if state.beside else ""
        needed = one.needed or "nothing"
        yield f"the schema{whose} is {one.position}: at {at}, needed is {needed}"
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
        lost = last.state == "running" and found.runner is None
        how = "has died: `pm33 migrate up` goes on" if lost else f"is {last.state}"
        yield f"the last run, {last.run} of {when} by {last.actor}, {how}"
