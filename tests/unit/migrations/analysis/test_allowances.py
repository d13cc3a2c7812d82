from pathlib import Path

import pytest

from tests.support.linted import lint_revisions, lint_sql, rules
from tests.support.revisions import scripts, write_revision

INDEX = 'op.create_index("i", "users", ["email"])'
SQL = "CREATE INDEX i ON users (email);"


def linted(folder: Path, upgrade: str) -> list[str]:
    write_revision(folder, upgrade)
    return rules(lint_revisions(scripts(folder)))


@pytest.mark.parametrize(
    "upgrade",
    [
        f"{INDEX}  # pm33: allow create-index because it has ten rows",
        f"# pm33: allow create-index because it has ten rows\n{INDEX}",
        f"# pm33: allow create-index because it has ten rows,\n# for ever\n{INDEX}",
        f"# pm33: allow drop-index, create-index because it has ten rows\n{INDEX}",
    ],
)
def test_a_finding_with_a_reason_on_its_line_or_above_is_allowed(
    tmp_path: Path, upgrade: str
) -> None:
    assert "create-index" not in linted(tmp_path, upgrade)


@pytest.mark.parametrize(
    "sql",
    [
        f"{SQL} -- pm33: allow create-index because it has ten rows",
        f"-- pm33: allow create-index because it has ten rows\n{SQL}",
        f"/* pm33: allow create-index because it has ten rows */ {SQL}",
        f"/* pm33: allow create-index because\n it has ten rows */\n{SQL}",
    ],
)
def test_the_same_in_sql(tmp_path: Path, sql: str) -> None:
    assert rules(lint_sql(tmp_path, sql)) == []


@pytest.mark.parametrize(
    "comment",
    [
        "pm33: allow create-index",
        "pm33: allow create-index because",
        "pm33: allow create-index because …",
        "pm33: allow create-index as it has ten rows",
        "pm33: allow because it has ten rows",
        "pm33: allow",
    ],
)
def test_without_a_reason_nothing_is_allowed_and_that_is_an_error(
    tmp_path: Path, comment: str
) -> None:
    found = lint_sql(tmp_path, f"-- {comment}\n{SQL}")

    assert [(one.rule, one.line, one.severity) for one in found] == [
        ("allow-without-reason", 1, "error"),
        ("create-index", 2, "error"),
    ]


def test_an_allowance_reaches_no_further_than_the_next_line(tmp_path: Path) -> None:
    found = lint_sql(
        tmp_path, f"-- pm33: allow create-index because of me\nSELECT 1;\n{SQL}"
    )
    assert rules(found) == ["allow-unused", "create-index"]


def test_an_allowance_of_one_rule_is_none_of_another(tmp_path: Path) -> None:
    found = lint_sql(tmp_path, f"{SQL} -- pm33: allow drop-index because of me")
    assert sorted(rules(found)) == ["allow-unused", "create-index"]


def test_an_unknown_rule_is_told(tmp_path: Path) -> None:
    found = lint_sql(tmp_path, f"{SQL} -- pm33: allow create-indexes because of me")
    assert sorted(rules(found)) == ["allow-unknown-rule", "create-index"]


def test_a_string_that_looks_like_an_allowance_is_none(tmp_path: Path) -> None:
    text = "'# pm33: allow create-index because I say so'"
    assert "create-index" in linted(tmp_path, f"{INDEX}; x = {text}")
    sql = "SELECT '-- pm33: allow create-index because I say so'; " + SQL
    assert rules(lint_sql(tmp_path, sql)) == ["create-index"]
