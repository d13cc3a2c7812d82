"""``pm33 env validate``: whether an environment's variables are fit to run with."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.options import environment_option

if TYPE_CHECKING:
    from app.backend.config.variables import Variables
    from app.cli.env.faults import Spot
    from app.cli.env.findings import Verdict
    from app.errors import UnreadableSourceError

__all__ = ["validate"]


@click.command()
@environment_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Also what is set, and who was asked."
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
    "--env-file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read the variables from this file, or these, and from nowhere else.",
)
@click.option(
    "--source",
    metavar="SOURCE",
    help="Or from process, local:ENV, railway:ENV or a file. [process]",
)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@click.option("--offline", is_flag=True, help="Ask nobody over the network.")
@click.option("--connect", is_flag=True, help="Who cannot be reached is an error.")
def validate(
    *, files: tuple[Path, ...], source: str | None, as_json: bool, form: str, **how: Any
) -> None:
    """Finds all that is wrong with the variables, before anything is deployed.

    Each configured service is asked once, by the cheapest read that its key allows, ten
    seconds in all. No value is ever shown.

    Exits with 0 if there is no error, 1 if there is, 2 if it was asked wrongly or a
    file cannot be read.
    """
    if files and source:
        raise click.UsageError("--env-file and --source are two sources")
    if how["offline"] and how["connect"]:
        raise click.UsageError("--offline and --connect exclude each other")
    from app.cli.env.examination import Wish, examine  # noqa: PLC0415 - 0.5 s
    from app.errors import UnreadableSourceError  # noqa: PLC0415 - 0.1 s

    form = "json" if as_json else form
    try:
        verdict = examine(_variables(files, source), Wish(source=source, **how))
    except UnreadableSourceError as error:
        if form == "github":
            _annotate(error)
        if form == "json":
            click.echo(_as_json(error))
            sys.exit(error.exit_code)
        raise
    # Click takes the colours out where nobody sees them, but knows no NO_COLOR.
    plain = bool(os.environ.get("NO_COLOR"))
    click.echo(_shown(verdict, form), color=False if plain else None)
    sys.exit(0 if verdict.ok else 1)


def _variables(files: tuple[Path, ...], source: str | None) -> "Variables":
    from app.cli.env.sources import (  # noqa: PLC0415 - 0.1 s
        PROCESS,
        load_files,
        load_source,
    )

    return load_files(files) if files else load_source(source or PROCESS)


def _shown(verdict: "Verdict", form: str) -> str:
    from app.cli.env.findings import as_github, as_json  # noqa: PLC0415 - 0.5 s
    from app.cli.env.table import as_table  # noqa: PLC0415 - as above
    from app.cli.env.width import columns  # noqa: PLC0415 - as above

    match form:
        case "json":
            return as_json(verdict)
        case "github":
            return as_github(verdict)
        case _:
            return as_table(verdict, width=columns())


def _as_json(error: "UnreadableSourceError") -> str:
    """As every failure is told, with file and line of each fault."""
    from app.cli.failure import Failure  # noqa: PLC0415 - raised seldom

    faults = [
        {"file": spot.file, "line": spot.line or None, "message": message}
        for spot, message in _faults(error)
    ]
    return json.dumps({**asdict(Failure.of(error)), "faults": faults})


def _faults(error: "UnreadableSourceError") -> "Iterator[tuple[Spot, str]]":
    from app.cli.env.faults import Spot  # noqa: PLC0415 - raised seldom

    yield from ((spot, told) for spot, told in error.spots if isinstance(spot, Spot))


def _annotate(error: "UnreadableSourceError") -> None:
    from app.cli.env.findings import annotation  # noqa: PLC0415 - as above

    for spot, message in _faults(error):
        click.echo(annotation("error", message, spot=spot))
