"""``pm33 migrate lint``: what a migration would do to those who are served."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.migrate.scratch import place_of, scratch_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alembic.config import Config as AlembicConfig
    from alembic.script import ScriptDirectory

    from app.backend.migrations.analysis.findings import Finding

__all__ = ["lint"]


@click.command()
@click.argument("revisions", metavar="[REVISION]...", nargs=-1)
@click.option(
    "--sql",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of plain SQL, which is one migration; several files are several.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "github"]),
    default="table",
    show_default=True,
)
@click.option(
    "--trace",
    is_flag=True,
    help="Try the revisions on a scratch database as well, which sees dynamic SQL.",
)
@scratch_option
def lint(
    revisions: tuple[str, ...],
    *,
    files: tuple[Path, ...],
    as_json: bool,
    form: str,
    trace: bool,
    scratch: str,
) -> None:
    """Finds what blocks, breaks or loses something under traffic.

    Looks at the revisions and files that are named; without any, at all revisions.
    Asks no database, unless it is to try the revisions. A
    comment `pm33: allow RULE because …` on the line, or above it, allows one finding.

    Exits with 0 if there is no error, 1 if there is, 2 if it was asked wrongly or a
    file cannot be read.
    """
    from app.backend.migrations.analysis.findings import (  # noqa: PLC0415 - rest is
        Severity,
    )
    from app.backend.migrations.analysis.static import (  # noqa: PLC0415 - 0.5 s
        static_findings,
    )

    tried = _tried(scratch) if trace else {}
    findings, remark = static_findings(revisions, files, *_scripts(), tried=tried)
    if remark:
        click.echo(f"note: {remark}", err=True)
    # Click takes the colours out where nobody sees them, but knows no NO_COLOR.
    plain = bool(os.environ.get("NO_COLOR"))
    shown = _shown(findings, "json" if as_json else form)
    click.echo(shown, color=False if plain else None)
    sys.exit(any(one.severity is Severity.ERROR for one in findings))


def _tried(scratch: str) -> "Mapping[str, Sequence[Finding]]":
    """On the configured database's server, or on one of our own."""
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.3 s
    from app.backend.migrations.analysis.scratch import (  # noqa: PLC0415 - asyncpg
        ScratchPlace,
    )
    from app.backend.migrations.analysis.trying import (  # noqa: PLC0415 - as above
        Trying,
        try_revisions,
    )
    from app.backend.resources import database_target  # noqa: PLC0415 - as above

    config = get_config()
    place = place_of(scratch, config)
    target = None if place is ScratchPlace.EMBEDDED else database_target(config)
    where = Trying(target=target, home=config.home, place=place)
    return asyncio.run(try_revisions(where, *_configs()))


def _configs() -> "list[AlembicConfig]":
    """Of each source, ours first."""
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.3 s
    from app.backend.migrations.revisions import alembic_config  # noqa: PLC0415
    from app.backend.migrations.sources import sources_of  # noqa: PLC0415 - as above

    return [alembic_config(one) for one in sources_of(get_config())]


def _scripts() -> "list[ScriptDirectory]":
    from app.backend.migrations.scripts import scripts_of  # noqa: PLC0415 - 0.5 s

    return [scripts_of(one) for one in _configs()]


def _shown(findings: "Sequence[Finding]", form: str) -> str:
    from app.cli.migrate.findings import (  # noqa: PLC0415 - only where it is shown
        as_github,
        as_json,
        as_table,
    )

    match form:
        case "json":
            return as_json(findings)
        case "github":
            return as_github(findings)
        case _:
            return as_table(findings)
