"""``pm33 migrate``: brings the schema where this release needs it."""

import asyncio
from pathlib import Path

import click

__all__ = ["migrate"]


@click.group()
def migrate() -> None:
    """Changes of the schema."""


@migrate.command()
@click.option(
    "--phase",
    type=click.Choice(["expand"]),
    default="expand",
    show_default=True,
    help="Expand revisions run while the previous release still serves.",
)
def up(phase: str) -> None:
    """Applies what is missing; what is applied already is left alone."""
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s

    target = migration_manager.migration_target()
    state = asyncio.run(migration_manager.upgrade(target, f"{phase}@head"))
    if state.position == "ahead":
        applied = ", ".join(state.applied)
        click.echo(f"schema is ahead of this release, at {applied}", err=True)
    else:
        click.echo(f"schema is at {state.needed}", err=True)


@migrate.command()
@click.option("--write", is_flag=True, help="Write them where the service reads them.")
def heads(*, write: bool) -> None:
    """Shows the revisions of this release as the service knows them."""
    from app.backend.database import schema_heads  # noqa: PLC0415 - see below
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s

    text = migration_manager.render_heads()
    if write:
        Path(schema_heads.__file__).write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
