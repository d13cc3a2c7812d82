"""``pm33 migrate heads``: the revisions that the service knows without Alembic."""

from pathlib import Path

import click

__all__ = ["heads"]


@click.command()
@click.option("--write", is_flag=True, help="Write them where the service reads them.")
def heads(*, write: bool) -> None:
    """Shows the revisions of this release as the service knows them.

    Those of PM33_MIGRATIONS it reads from their files when it starts.
    """
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.3 s
    from app.backend.database import schema_heads  # noqa: PLC0415 - see below
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s

    text = migration_manager.render_heads()
    if write:
        Path(schema_heads.__file__).write_text(text, encoding="utf-8")
        return
    click.echo(text, nl=False)
    _, *others = migration_manager.sources_of(get_config())
    for one in others:
        click.echo(f"# {one.name}: needed is {one.history.needed or 'nothing'}")
        for revision in one.history.known:
            click.echo(f"#   {revision}")
