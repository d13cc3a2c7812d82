"""``pm33 migrate plan``: what would be applied."""

import asyncio
import json

import click

__all__ = ["plan"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def plan(*, as_json: bool) -> None:
    """Shows what `migrate up` would apply, and the plan's hash; changes nothing."""
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s

    target = migration_manager.migration_target()
    steps = asyncio.run(migration_manager.pending(target))
    plan_hash = asyncio.run(migration_manager.plan_hash(target))
    if as_json:
        pending = [step.to_dict() for step in steps]
        click.echo(json.dumps({"hash": plan_hash, "pending": pending}))
        return
    for step in steps:
        click.echo(f"{step.phase} {step.file}: {step.message}")
    click.echo(f"{len(steps)} pending, plan {plan_hash}")
