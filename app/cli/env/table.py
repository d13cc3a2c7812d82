"""What `pm33 env validate` has found, for somebody at a terminal of 80 columns."""

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import click

from app.backend.config.environment import known_variables
from app.backend.config.findings import Finding, Severity
from app.cli.env.findings import Verdict, outcome

__all__ = ["as_table"]

_COLOURS: Final = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}
_FEW: Final = 4


def as_table(verdict: Verdict, *, width: int) -> str:
    """Errors first, what is alike together, the remedy below, a summary at the end."""
    sections = [
        *(_section(one, verdict, width) for one in Severity if verdict.count(one)),
        *_variables(verdict, width),
        *_services(verdict, width),
        _end(verdict, width),
    ]
    return "\n\n".join(sections)


def _section(severity: Severity, verdict: Verdict, width: int) -> str:
    count = verdict.count(severity)
    heading = f"{count} {severity}{'s' * (count != 1)}"
    lines = [click.style(heading, fg=_COLOURS[severity], bold=True)]
    found = (one for one in verdict.findings if one.severity is severity)
    for _, alike in itertools.groupby(found, key=_alike):
        lines += _block(tuple(alike), verdict, width)
    return "\n".join(lines)


def _alike(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.message, finding.remedy


def _block(alike: Sequence[Finding], verdict: Verdict, width: int) -> Iterator[str]:
    nowhere = [one.variable for one in alike if one.source == verdict.source]
    if len(nowhere) == len(alike) > _FEW:
        named = _wrapped(", ".join(nowhere), "  ", "  ", width)
        yield from (click.style(line, bold=True) for line in named)
    else:
        for one in alike:
            where = "" if one.source == verdict.source else f"  {one.source}"
            yield f"  {click.style(one.variable, bold=True)}{where}"
    first = alike[0]
    yield from _wrapped(f"{first.message}  [{first.rule}]", "    ", "    ", width)
    yield from _wrapped(first.remedy, "    → ", "      ", width)


def _variables(verdict: Verdict, width: int) -> Iterator[str]:
    """Which variables are there; in no case what they say."""
    if verdict.variables is None:
        return
    there = {name: how for name, how in verdict.variables.items() if how != "not set"}
    lines = [click.style(f"{len(there)} variables are set", bold=True)]
    longest = max(map(len, there), default=0)
    for name, how in there.items():
        place = verdict.places.get(name, "")
        note = ", ".join(filter(None, (place, how if how != "set" else "")))
        lines.append(f"  {name:<{longest}}  {note}".rstrip())
    missing = [name for name in verdict.variables if name not in there]
    lines += _wrapped(f"not set: {', '.join(missing)}", "  ", "    ", width)
    yield "\n".join(lines)


def _services(verdict: Verdict, width: int) -> Iterator[str]:
    """Who was asked, and how long it took."""
    if verdict.variables is None or verdict.asked is None:
        return
    count = len(verdict.asked)
    heading = f"{count} credential{'s' * (count != 1)}"
    lines = [click.style(heading, bold=True)]
    for asked in verdict.asked:
        took = "" if asked.result is None else f"{asked.seconds * 1000:,.0f} ms"
        name, variable = asked.question.service, asked.variable
        lines.append(f"  {name:<10} {took:>9}  {outcome(asked):<15}  {variable}")
    if verdict.spared:
        names = ", ".join(verdict.spared)
        told = f"not asked, since the variable has an error: {names}"
        lines += _wrapped(told, "  ", "    ", width)
    yield "\n".join(lines)


def _end(verdict: Verdict, width: int) -> str:
    errors = verdict.count(Severity.ERROR)
    colour = "red" if errors else "green" if verdict.ok else "yellow"
    found = verdict.summary() if verdict.findings else "nothing to mend"
    told = f"{verdict.environment}: {found}  ({verdict.source}; {_asked(verdict)})"
    first, *rest = _wrapped(told, "", "  ", width)
    name = click.style(verdict.environment, fg=colour, bold=True)
    first = f"{name}{first.removeprefix(verdict.environment)}"
    return "\n".join([first, *rest, _next(verdict)])


def _asked(verdict: Verdict) -> str:
    if verdict.asked is None:
        return "no service was asked"
    # One with two keys is asked twice, and is one service.
    count = len({one.question.service for one in verdict.asked if one.result})
    return f"{count} service{'s' * (count != 1)} asked"


def _next(verdict: Verdict) -> str:
    blamed = [one for one in verdict.findings if one.severity is not Severity.INFO]
    if verdict.ok:
        return f"next: pm33 deploy --environment {verdict.environment} --dry-run"
    names = [one.variable for one in blamed]
    # A misspelt one has no explanation.
    explained = next((one for one in names if one in known_variables()), names[0])
    return f"next: pm33 env explain {explained}"


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
