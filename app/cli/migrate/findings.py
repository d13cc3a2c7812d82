"""What is found in migrations: for a terminal, as JSON, as GitHub's annotations."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import click

from app.backend.migrations.analysis.findings import Finding, Severity
from app.cli.env.faults import Spot
from app.cli.env.findings import annotation
from app.cli.env.width import columns

__all__ = ["as_github", "as_json", "as_table", "summary"]

_COLOURS: Final = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}
_COMMANDS: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}


def as_json(findings: Sequence[Finding]) -> str:
    """A list, as the findings come."""
    return json.dumps([one.to_dict() for one in findings], indent=2)


def as_github(findings: Sequence[Finding]) -> str:
    """An annotation for each finding, then one line that a person reads."""
    lines = [
        annotation(
            _COMMANDS[one.severity],
            f"{_capital(one.why)}{_locked(one)}.\n→ {one.safe}",
            title=one.rule,
            spot=Spot(one.file, one.line),
        )
        for one in findings
    ]
    return "\n".join([*lines, summary(findings)])


def as_table(findings: Sequence[Finding], width: int | None = None) -> str:
    """Errors first, each with its statement, why, and the safe way."""
    lines = [
        line
        for severity in Severity
        for one in findings
        if one.severity is severity
        for line in _block(one, width or columns())
    ]
    return "\n".join([*lines, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """``1 error, 0 warnings, 2 infos``."""
    counts = Counter(one.severity for one in findings)
    if not counts:
        return "nothing that blocks, breaks or loses anything"
    return ", ".join(
        f"{counts[one]} {one}{'s' * (counts[one] != 1)}" for one in Severity
    )


def _block(finding: Finding, width: int) -> Iterator[str]:
    rule = click.style(finding.rule, fg=_COLOURS[finding.severity], bold=True)
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    yield f"{click.style(where, bold=True)}  {finding.severity} {rule}"
    if finding.statement:
        yield f"    {textwrap.shorten(finding.statement, width - 4, placeholder=' …')}"
    yield from _wrapped(f"{finding.why}{_locked(finding)}", "  ", "  ", width)
    yield from _wrapped(finding.safe, "  → ", "    ", width)
    yield ""


def _locked(finding: Finding) -> str:
    return f" ({finding.lock})" if finding.lock else ""


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
