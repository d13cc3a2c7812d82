"""``# pm33: allow RULE because …``: what somebody has looked at and answers for."""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.backend.migrations.analysis.findings import Finding
from app.backend.migrations.analysis.reading import Fault
from app.backend.migrations.analysis.rules import RULES
from app.backend.migrations.sql.script import comments_of

__all__ = ["Allowance", "allowances_of_python", "allowances_of_sql", "apply"]

_NAME: Final = "pm33:"
_MARK: Final = re.compile(r"(?:^|[#\s*-])pm33:\s*allow\b(?P<rest>.*)", re.DOTALL)
_WORDS: Final = re.compile(
    r"\s*(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)?(?:\s+because\b(?P<reason>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One comment that allows something.

    Attributes:
        line: of the comment.
        reaches: the lines that it is about: its own, and the first below the comment.
        rules: their names.
        reason: why; empty: nobody has said so, and nothing is allowed.
    """

    line: int
    reaches: tuple[int, ...]
    rules: tuple[str, ...]
    reason: str


def allowances_of_python(source: str) -> tuple[Allowance, ...]:
    """Those of a revision's source; a string that looks like one is none."""
    if _NAME not in source:  # taking 500 files apart takes half a second
        return ()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return ()
    comments = [
        (one.start[0], one.string) for one in tokens if one.type == tokenize.COMMENT
    ]
    return _allowances(comments, source)


def allowances_of_sql(source: str) -> tuple[Allowance, ...]:
    """Those of a file of SQL."""
    return _allowances(list(comments_of(source)), source) if _NAME in source else ()


def apply(
    findings: Sequence[Finding], allowances: Sequence[Allowance]
) -> tuple[tuple[Finding, ...], tuple[tuple[int, Fault], ...]]:
    """Leaves out what is allowed.

    Returns:
        The findings that stay, and what is wrong with the allowances, by line.
    """
    good = [one for one in allowances if one.reason]
    used: set[tuple[int, str]] = set()
    kept = []
    for finding in findings:
        allowed = {
            (one.line, finding.rule)
            for one in good
            if finding.line in one.reaches and finding.rule in one.rules
        }
        used |= allowed
        if not allowed:
            kept.append(finding)
    return tuple(kept), tuple(_faults(allowances, used))


def _faults(
    allowances: Iterable[Allowance], used: set[tuple[int, str]]
) -> Iterator[tuple[int, Fault]]:
    for one in allowances:
        if not one.reason or not one.rules:
            yield one.line, Fault("allow-without-reason")
            continue
        for rule in one.rules:
            if rule not in RULES:
                yield one.line, Fault("allow-unknown-rule", other=rule)
            elif (one.line, rule) not in used:
                yield one.line, Fault("allow-unused", other=rule)


def _allowances(
    comments: Sequence[tuple[int, str]], source: str
) -> tuple[Allowance, ...]:
    lines = source.splitlines()
    return tuple(
        Allowance(line, (line, _below(line, text, lines)), *said)
        for line, text in comments
        if (said := _said(text)) is not None
    )


def _said(text: str) -> tuple[tuple[str, ...], str] | None:
    found = _MARK.search(text)
    if found is None:
        return None
    words = _WORDS.match(found["rest"])
    if words is None or not words["rules"]:
        return (), ""
    rules = tuple(re.split(r"\s*,\s*", words["rules"]))
    reason = (words["reason"] or "").replace("*/", "").strip(" .…")
    return rules, reason


def _below(line: int, text: str, lines: Sequence[str]) -> int:
    """The first line below a comment that is none; the reason may take several."""
    below = line + text.count("\n") + 1
    while below <= len(lines) and lines[below - 1].lstrip().startswith(("#", "--")):
        below += 1
    return below
