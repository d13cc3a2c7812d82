"""``pm33 migrate heads``: the revisions that the service knows without Alembic."""

from pathlib import Path

import click

__all__ = ["heads"]


@click.command()
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
