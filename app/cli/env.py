"""``pm33 env``: whether an environment's variables are fit to run with."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.options import environment_option

if TYPE_CHECKING:
    from app.backend.config.environment import Config, Problem
    from app.backend.config.findings import Finding

__all__ = ["env", "validate"]

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_HARMLESS = {True: {"info"}, False: {"info", "warning"}}
_PROCESS = "the process environment"


@click.group()
def env() -> None:
    """Variables of an environment."""


@env.command()
@environment_option
@click.option("-v", "--verbose", is_flag=True, help="Also what is set, never values.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="Read the variables from this file, and from nowhere else.",
)
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option("--offline", is_flag=True, help="Ask nobody over the network.")
def validate(
    environment: str | None,
    *,
    verbose: bool,
    as_json: bool,
    form: str,
    env_file: Path | None,
    strict: bool,
    offline: bool,
) -> None:
    """Finds values that cannot be used and variables that are missing.

    Exits with 0 if there is no error, 1 if there is, 2 if it was asked wrongly.
    """
    del offline  # nothing is asked over the network yet
    from app.backend.config import validation  # noqa: PLC0415 - 0.5 s
    from app.backend.config.environment import Environment  # noqa: PLC0415 - as above

    variables, source, broken = _variables(env_file)
    chosen = Environment(environment) if environment else None
    config, found = validation.validate(variables, chosen, source=source)
    named, origin = config.environment, _origin(environment, variables)
    click.echo(f"environment {named} ({origin})", err=True)
    problems = (*broken, *_beyond_settings(config))
    more = [validation.of_problem(one, source=source) for one in problems]
    findings = [*more, *found]
    ok = all(one.severity in _HARMLESS[strict] for one in findings)
    if as_json or form == "json":
        click.echo(_as_json(named, origin, findings, ok=ok))
    else:
        shown = _set_variables(variables, source) if verbose else ()
        click.echo("\n".join([*shown, *_lines(findings), _summary(named, findings)]))
    sys.exit(0 if ok else 1)


def _variables(
    env_file: Path | None,
) -> tuple[Mapping[str, str], str, "list[Problem]"]:
    """The variables, where they come from, and lines that are none."""
    from app.backend.config.environment import Problem  # noqa: PLC0415 - 0.5 s

    if env_file is None:
        return os.environ, _PROCESS, []
    from app.backend.deploy.platforms.local.variables import (  # noqa: PLC0415
        parse_variables,
    )
    from app.errors import ConfigError  # noqa: PLC0415 - a line may be broken

    variables: dict[str, str] = {}
    broken = []
    for number, line in enumerate(_text(env_file).splitlines(), 1):
        try:
            variables |= parse_variables(line, source=str(env_file))
        except ConfigError as error:
            broken.append(Problem(f"line {number}", "is no NAME=value", error.remedy))
    return variables, str(env_file), broken


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(
            f"cannot be read: {type(error).__name__}", param_hint="--env-file"
        ) from error


def _origin(flag: str | None, variables: Mapping[str, str]) -> str:
    """Who says whose rules apply, in the order in which the settings ask."""
    if flag is not None:
        return "from --environment"
    names = ("ENVIRONMENT", "RAILWAY_ENVIRONMENT_NAME", "PM33_DEFAULT_ENVIRONMENT")
    told = next((name for name in names if variables.get(name, "").strip()), None)
    return f"from {told}" if told else "by default"


def _beyond_settings(config: "Config") -> "Iterator[Problem]":
    """What only those who use the settings can tell of them."""
    from app.backend.config.environment import Problem  # noqa: PLC0415 - 0.5 s
    from app.backend.database.target import parse_target  # noqa: PLC0415 - as above
    from app.backend.server import plan_drain  # noqa: PLC0415 - 0.2 s
    from app.errors import ConfigError  # noqa: PLC0415 - as above

    database = config.database
    for name, field in type(database).model_fields.items():
        if name.endswith("url") and (url := getattr(database, name)) is not None:
            try:
                parse_target(url, database)
            except ConfigError as error:
                yield Problem(str(field.alias), str(error), error.remedy)
    _, problems = plan_drain(config)
    yield from problems


def _as_json(
    environment: str, origin: str, findings: "Iterable[Finding]", *, ok: bool
) -> str:
    body = {
        "environment": environment,
        "environment_source": origin,
        "ok": ok,
        "findings": [one.to_dict() for one in findings],
    }
    return json.dumps(body, indent=2)


def _lines(findings: "Iterable[Finding]") -> Iterator[str]:
    for one in findings:
        label = click.style(f"{one.severity:<8}", fg=_COLOURS[one.severity])
        yield f"{label} {one.variable}: {one.message}  [{one.rule}, {one.source}]"
        yield f"         → {one.remedy}"


def _set_variables(variables: Mapping[str, str], source: str) -> Iterator[str]:
    """Whether each variable of the settings is there; in no case what it says."""
    from app.backend.config.environment import known_variables  # noqa: PLC0415 - 0.5 s
    from app.backend.config.validation import is_set  # noqa: PLC0415 - as above

    for name in sorted(known_variables()):
        there = is_set(name, variables)
        yield f"{'set' if there else 'not set':<8} {name}{f'  [{source}]' * there}"


def _summary(environment: str, findings: "Iterable[Finding]") -> str:
    counted = Counter(str(one.severity) for one in findings)
    return f"{environment}: " + ", ".join(
        f"{counted[severity]} {severity}{'s' * (counted[severity] != 1)}"
        for severity in _COLOURS
    )
