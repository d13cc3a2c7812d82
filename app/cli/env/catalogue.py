"""``pm33 env example`` and ``pm33 env explain``: what the variables mean."""

import difflib
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.env.width import columns
from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.config.catalogue import Entry
    from app.backend.config.rules import Rule
    from app.cli.env.beyond import Judgement

__all__ = ["example", "explain"]

_REQUIRING = {"required", "required-by-service"}


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=".env.example",
    show_default=True,
    help="The file to write; - is stdout.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if it would change.")
def example(output: Path, *, check: bool) -> None:
    """Writes .env.example: every variable, with what it is for and its default.

    Exits with 0 if it was written, or is as it would be written.
    """
    from app.backend.config.example import render_example  # noqa: PLC0415 - 0.5 s

    text = render_example(_required())
    if str(output) == "-" and not check:
        click.echo(text, nl=False)
        return
    known = _written(output)
    if check:
        _compare(output, known, text)
    else:
        _refuse_another(output, known, text)
        _write(output, text)


@click.command()
@click.argument("name")
@json_option
def explain(name: str, *, as_json: bool) -> None:
    """Says what a variable is for, what it may be, and which rules it is judged by."""
    from app.backend.config.catalogue import catalogue, look_up  # noqa: PLC0415 - 0.5 s
    from app.backend.config.rules import RULES  # noqa: PLC0415 - as above
    from app.backend.config.rules.names import meant_by  # noqa: PLC0415 - as above
    from app.cli.env.beyond import beyond  # noqa: PLC0415 - 0.2 s

    # What the rules take for a slip is one, though it reads like a check's knob.
    slip = meant_by(name.upper())
    entry = None if slip else look_up(name) or look_up(name.upper())
    if entry is None:
        near = [slip] if slip else difflib.get_close_matches(name.upper(), catalogue())
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        # Not the word itself, which may be a value in the wrong place.
        raise click.UsageError(f"nothing reads a variable of that name{hint}")
    rules = [rule for rule in RULES if entry.name in rule.variables]
    judged: list[Rule | Judgement] = [*rules, *beyond(entry)]
    if as_json:
        click.echo(json.dumps(_as_dict(entry, judged), indent=2))
    else:
        click.echo("\n".join([*_described(entry), *_own(entry), *_judged(judged)]))


def _required() -> frozenset[str]:
    """What production cannot do without."""
    from app.backend.config.environment import Environment  # noqa: PLC0415 - 0.5 s
    from app.backend.config.findings import Severity  # noqa: PLC0415 - as above
    from app.backend.config.rules import RULES  # noqa: PLC0415 - as above

    return frozenset(
        variable
        for rule in RULES
        if rule.name in _REQUIRING
        and rule.severity.get(Environment.PRODUCTION) is Severity.ERROR
        for variable in rule.variables
    )


def _written(path: Path) -> str | None:
    """What the file holds; None if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"{path} cannot be read ({type(error).__name__})"
        ) from error


def _compare(path: Path, known: str | None, text: str) -> None:
    if known == text:
        click.echo(f"{path} is as the settings are", err=True)
        return
    lines = ((known or "").splitlines(), text.splitlines())
    # A line of one only begins where the other ends.
    ends = min(map(len, lines))
    number = next((n for n in range(ends) if lines[0][n] != lines[1][n]), ends) + 1
    told = "is not there" if known is None else f"differs from line {number} on"
    click.echo(f"{path} {told}: `pm33 env example` writes it", err=True)
    sys.exit(1)


def _refuse_another(path: Path, known: str | None, text: str) -> None:
    """What somebody wrote by hand may hold the only copy of a secret.

    Its first line is not enough to know one of ours: who fills in a copy keeps it.

    Raises:
        UsageError: the file is not one of ours, or is filled in.
    """
    from app.backend.config.dotenv import split_lines  # noqa: PLC0415 - 0.1 s
    from app.backend.config.example import FIRST_LINE  # noqa: PLC0415 - 0.5 s

    if not known:
        return
    if not known.startswith(f"{FIRST_LINE}\n"):
        told = f"{path} holds something else"
    elif line := _filled_in(known, split_lines(text)):
        told = f"{path} is filled in (line {line})"
    else:
        return
    raise click.UsageError(
        f"{told}, and is not written over; remove it first, or name another with"
        " --output"
    )


def _filled_in(text: str, generated: Sequence[str]) -> int | None:
    """The first line that a generated file cannot have; None: there is none.

    Such a file sets nothing, and shows no default of what is secret. Other defaults
    in its comments may be those of an earlier release.
    """
    from app.backend.config.dotenv import split_lines  # noqa: PLC0415 - 0.1 s
    from app.backend.config.environment import known_variables  # noqa: PLC0415 - 0.5 s

    known = known_variables()
    for number, line in enumerate(split_lines(text), 1):
        name, equals, value = line.lstrip("#").strip().partition("=")
        if line in generated or (line.startswith("#") and not value.strip()):
            continue
        secret = known.get(name, False) or known.get(name.removesuffix("_FILE"), False)
        shown = secret or not line.startswith("#")
        if shown and line.strip() and (value.strip() or not equals):
            return number
    return None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(
            f"{path} cannot be written ({type(error).__name__})"
        ) from error
    click.echo(f"{path} is written", err=True)


def _described(entry: "Entry") -> Iterator[str]:
    yield entry.name
    yield _indented(entry.description)
    default = f"default {entry.default}" if entry.default else "no default"
    yield _indented(", ".join([entry.kind, *["secret"] * entry.secret, default]))
    if entry.file_variant:
        yield _indented(f"{entry.file_variant} may name a file that holds it alone.")


def _own(entry: "Entry") -> Iterator[str]:
    """A word on a knob of no check that comes with the service."""
    from app.backend.config.environment import knob_of  # noqa: PLC0415 - 0.5 s
    from app.backend.config.settings import CHECKS  # noqa: PLC0415 - as above

    knob = knob_of(entry.name)
    if knob is not None and knob[0] not in CHECKS:
        yield _indented(
            "No check that comes with the service has that name: it is read only if"
            " one of your own has (HEALTH_CHECKS_FILE, HEALTH_EXTRA_CHECKS)."
        )


def _judged(rules: "Sequence[Rule | Judgement]") -> Iterator[str]:
    for rule in rules:
        heading = _indented(f"{rule.name}  ({_places(rule)})")
        name = click.style(rule.name, bold=True)
        yield f"\n{heading.replace(rule.name, name, 1)}"
        yield _indented(rule.reason, by=4)
        yield _indented(f"→ {rule.remedy}", by=4, hanging=2)


def _places(rule: "Rule | Judgement") -> str:
    from app.backend.config.environment import Environment  # noqa: PLC0415 - 0.5 s

    grades = set(rule.severity.values())
    if len(grades) == 1 and len(rule.severity) == len(Environment):
        return f"{grades.pop()} everywhere"
    return ", ".join(f"{name} {grade}" for name, grade in rule.severity.items())


def _indented(words: str, *, by: int = 2, hanging: int = 0) -> str:
    return textwrap.fill(
        words,
        columns(),
        initial_indent=" " * by,
        subsequent_indent=" " * (by + hanging),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _as_dict(entry: "Entry", rules: "Sequence[Rule | Judgement]") -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "kind": entry.kind,
        "default": entry.default,
        "secret": entry.secret,
        "file_variant": entry.file_variant,
        "group": entry.group,
        "rules": [
            {
                "name": rule.name,
                "severity": {str(k): str(v) for k, v in rule.severity.items()},
                "reason": rule.reason,
                "remedy": rule.remedy,
            }
            for rule in rules
        ],
    }
