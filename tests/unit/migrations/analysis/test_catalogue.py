"""The catalogue of unsafe operations, case by case."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.migrations.analysis.findings import Severity
from app.backend.migrations.analysis.known import Known
from app.backend.migrations.analysis.reading import read
from app.backend.migrations.analysis.rules import RULES, WITHOUT_RULE
from app.backend.migrations.sql.tokens import tokens_of
from app.backend.migrations.statements import Statement
from tests.support.linted import lint_sql, rules, serious
from tests.support.migration_cases import CASES, SAFE, UNSAFE, Case

ROWS = range(1, 49)
WORDS = sorted({word for case in CASES for word in case.sql.split()} | set("()[],;=<>"))


def named(case: Case) -> str:
    return f"{case.row}-{case.name}"


@pytest.mark.parametrize("case", UNSAFE, ids=named)
def test_an_unsafe_case_is_found_by_its_rule(tmp_path: Path, case: Case) -> None:
    findings = lint_sql(tmp_path, case.sql)

    assert case.rule in serious(findings)
    (first, *_) = [one for one in findings if one.rule == case.rule]
    assert first.statement
    assert "{" not in first.why + first.safe


@pytest.mark.parametrize("case", SAFE, ids=named)
def test_a_safe_case_is_left_alone(tmp_path: Path, case: Case) -> None:
    assert serious(lint_sql(tmp_path, case.sql)) == []


def test_there_are_enough_cases_of_either_sort_and_each_has_its_name() -> None:
    assert len(CASES) >= 78
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.row for case in CASES} <= set(ROWS)


def test_every_row_of_the_catalogue_has_a_rule_or_a_reason() -> None:
    ruled = {row for rule in RULES.values() for row in rule.rows}

    assert ruled | set(WITHOUT_RULE) == set(ROWS)
    assert ruled.isdisjoint(WITHOUT_RULE)


def test_every_unsafe_row_has_a_case() -> None:
    # Those whose rules only advise: a change of type that leaves the rows alone, a
    # missing index.
    assert set(ROWS) - {case.row for case in UNSAFE} == {*WITHOUT_RULE, 13, 46}


def test_every_rule_says_what_is_wrong_and_what_is_right() -> None:
    for rule in RULES.values():
        assert rule.why, rule.name
        assert rule.safe, rule.name
        assert rule.rows or rule.name.startswith("allow-"), rule.name


def test_advice_is_for_what_is_safe_under_traffic(tmp_path: Path) -> None:
    findings = lint_sql(
        tmp_path,
        "ALTER TABLE users ALTER name TYPE text;"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (name);"
        "ALTER TYPE mood ADD VALUE 'glad';"
        "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c NOT VALID;",
    )

    assert {one.severity for one in findings} == {Severity.INFO}
    assert sorted(rules(findings)) == [
        "change-type-cached-plans",
        "enum-value-stays",
        "foreign-key-without-index",
        "index-if-not-exists",
    ]


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_whatever_is_written_is_read_to_its_end(words: list[str]) -> None:
    text = " ".join(words).translate(dict.fromkeys(map(ord, "'\"${}")))
    tokens = tuple(tokens_of(text))
    statement = Statement(sql=text, revision="1", file="1", line=1, transaction=1)

    notes = read(statement, tokens, Known())

    assert {fault.rule for fault in notes.faults} <= set(RULES)
