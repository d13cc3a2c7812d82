"""The static layers: each statement, each transaction, each file; then what is allowed.

No database is asked. What these rules cannot see (dynamic SQL, the types and tables of
older migrations that were not read) is seen by the trace on a scratch database.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.backend.migrations.analysis.allowances import (
    allowances_of_python,
    allowances_of_sql,
    apply,
)
from app.backend.migrations.analysis.findings import Finding, Severity
from app.backend.migrations.analysis.known import Known
from app.backend.migrations.analysis.migration import Migration
from app.backend.migrations.analysis.reading import Fault, read
from app.backend.migrations.analysis.rules import RULES
from app.backend.migrations.analysis.trace_rules import unsaid
from app.backend.migrations.analysis.transactions import Transaction
from app.backend.migrations.sql.script import split
from app.backend.migrations.sql.tokens import LexicalError, Token
from app.backend.migrations.statements import Statement

__all__ = ["Opinion", "SecondOpinion", "lint"]

_CONTRACT: Final = "contract"
_SETTING: Final = re.compile(r"\s*(SET|RESET|SHOW)\b", re.IGNORECASE)
_REPEATABLE: Final = re.compile(r"\bIF\s+(NOT\s+)?EXISTS\b", re.IGNORECASE)
_PYTHON: Final = ".py"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What another linter says of one statement.

    Attributes:
        place: the statement's place in its migration.
        rule: the other one's name for it.
        words: what it says.
        judged: whether these rules judge the same, and know more of it.
    """

    place: int
    rule: str
    words: str
    judged: bool


SecondOpinion = Callable[[Sequence[Migration]], Sequence[Sequence[Opinion]]]
"""Another linter: for each migration what it says of its statements."""


def lint(
    migrations: Sequence[Migration],
    *,
    chosen: Callable[[Migration], bool] = lambda _: True,
    second: SecondOpinion | None = None,
    tried: Mapping[str, Sequence[Finding]] = MappingProxyType({}),
) -> tuple[Finding, ...]:
    """All that is wrong, file by file, from the first line to the last.

    Args:
        migrations: in the order in which they are applied: what an earlier one has made
            is known to a later one, and in use. Files of SQL know nothing of others.
        chosen: those that are told of; the others are read for what they make known.
        second: another linter. It is heard where these rules know nothing.
        tried: what was found on a scratch database, by file. What the text has told is
            not said again.
    """
    told = [one for one in migrations if chosen(one)]
    heard = second(told) if second else [()] * len(told)
    opinions = {one.file: said for one, said in zip(told, heard, strict=True)}
    known = Known()
    findings: list[Finding] = []
    for one in migrations:
        known.begin()
        context = Known() if one.way_back is None else known
        seen = tried.get(one.file, ())
        found = _Lint(one, context).findings(opinions.get(one.file, ()), seen)
        if one in told:
            findings += found
    return tuple(findings)


class _Lint:
    """The reading of one migration."""

    def __init__(self, migration: Migration, known: Known) -> None:
        self._migration = migration
        self._known = known
        self._transactions: dict[int, Transaction] = {}
        self._keys: list[tuple[Statement, str, str]] = []

    def findings(
        self, opinions: Sequence[Opinion], tried: Sequence[Finding]
    ) -> tuple[Finding, ...]:
        migration = self._migration
        found: list[Finding] = []
        for place, statement in enumerate(migration.statements):
            heard = [one for one in opinions if one.place == place]
            faults = self._faults(statement, heard)
            found += [_finding(statement, one) for one in faults if self._counts(one)]
        found += [
            _finding(statement, Fault("foreign-key-without-index", None, table, column))
            for statement, table, column in self._keys
            if not self._known.is_indexed(table, column)
        ]
        found += [self._of_file(line, one) for line, one in _of_revision(migration)]
        return self._allowed([*found, *unsaid(tried, found)])

    def _faults(
        self, statement: Statement, heard: Sequence[Opinion]
    ) -> Iterator[Fault]:
        tokens = _tokens(statement.sql)
        if tokens is None:
            yield Fault("unknown-statement")
            return
        notes = read(statement, tokens, self._known)
        self._keys += [(statement, table, column) for table, column in notes.keys]
        if statement.directive is not None:
            # Its steps are safe by themselves; they are read for what they make known.
            return
        faults = list(dict.fromkeys(notes.faults))
        if statement.transaction is not None:
            transaction = self._transactions.setdefault(
                statement.transaction, Transaction()
            )
            faults += transaction.follow(notes, tokens)
        yield from faults
        yield from _heard(notes.understood, bool(faults), heard)

    def _counts(self, fault: Fault) -> bool:
        is_due = RULES[fault.rule].contract and self._migration.phase == _CONTRACT
        return not is_due

    def _of_file(self, line: int, fault: Fault) -> Finding:
        return _described(self._migration.file, line, "", fault)

    def _allowed(self, found: list[Finding]) -> tuple[Finding, ...]:
        source = self._migration.path.read_text(encoding="utf-8-sig")
        is_python = self._migration.path.suffix == _PYTHON
        given = (allowances_of_python if is_python else allowances_of_sql)(source)
        kept, faults = apply(found, given)
        odd = [self._of_file(line, fault) for line, fault in faults]
        order = list(Severity)
        return tuple(
            sorted(
                [*kept, *odd],
                key=lambda one: (one.line, order.index(one.severity), one.rule),
            )
        )


def _tokens(sql: str) -> tuple[Token, ...] | None:
    try:
        return tuple(token for piece in split(sql) for token in piece.tokens)
    except LexicalError:
        return None


def _heard(
    understood: bool,  # noqa: FBT001 - two answers, not an option
    blamed: bool,  # noqa: FBT001 - as above
    heard: Sequence[Opinion],
) -> Iterator[Fault]:
    """Where these rules know nothing, the other linter's word is taken."""
    rule = "squawk-advice" if understood else "squawk"
    if not blamed:
        for one in heard:
            if not (understood and one.judged):
                yield Fault(rule, None, other=f"{one.words} ({one.rule})")
    if not (understood or blamed or heard):
        yield Fault("unknown-statement")


def _of_revision(migration: Migration) -> Iterator[tuple[int, Fault]]:
    """What is wrong with a revision as a whole, by line."""
    if migration.failure is not None:
        yield migration.line, Fault("revision-fails", other=migration.failure)
        return
    if migration.opaque is not None:
        yield migration.line, Fault("opaque-revision", other=migration.opaque)
    if migration.way_back is None:
        return
    yield from _mixed(migration.statements)
    if not migration.way_back and (migration.statements or migration.opaque):
        yield migration.line, Fault("downgrade-missing")


def _mixed(statements: Sequence[Statement]) -> Iterator[tuple[int, Fault]]:
    lasting = [one for one in statements if not _SETTING.match(one.sql)]
    plain = [one for one in lasting if one.directive is None]
    if len(plain) < len(lasting):
        yield from ((one.line, Fault("mixed-revision")) for one in plain[:1])
        return
    outside = [one for one in plain if one.transaction is None]
    once = [one for one in outside if not _REPEATABLE.search(one.sql)]
    if outside and (len(outside) < len(plain) or len(once) > 1):
        yield outside[0].line, Fault("autocommit-block-not-alone")


def _finding(statement: Statement, fault: Fault) -> Finding:
    return _described(statement.file, statement.line, statement.sql, fault)


def _described(file: str, line: int, sql: str, fault: Fault) -> Finding:
    rule = RULES[fault.rule]
    names = {"table": fault.table or "the table", "other": fault.other or "the other"}
    return Finding(
        file=file,
        line=line,
        rule=rule.name,
        severity=rule.severity,
        statement=" ".join(sql.split()),
        lock=fault.lock,
        why=rule.why.format(**names),
        safe=rule.safe.format(**names),
    )
