"""What squawk adds, and what it is not believed in."""

from pathlib import Path

import pytest

from app.backend.migrations.analysis.linting import lint
from app.backend.migrations.analysis.migration import of_revision, of_sql
from app.backend.migrations.analysis.squawk import Squawk
from app.errors import MigrationError
from tests.support.linted import lint_sql, rules, serious
from tests.support.migration_cases import CASES
from tests.support.revisions import revision


@pytest.fixture
def squawk() -> Squawk:
    found = Squawk.find()
    assert found is not None, "squawk-cli is one of requirements-dev.txt"
    return found


def test_where_our_rules_know_nothing_its_word_is_taken(
    tmp_path: Path, squawk: Squawk
) -> None:
    sql = "SELECT 1;\nFROBNICATE TABLE t;"

    (found,) = lint_sql(tmp_path, sql, squawk.opinions)

    assert (found.rule, found.severity, found.line) == ("squawk", "warning", 2)
    assert "syntax-error" in found.why


def test_a_statement_that_it_cannot_parse_is_advice_where_our_rules_can(
    tmp_path: Path, squawk: Squawk
) -> None:
    found = lint_sql(tmp_path, "ALTER TABLE t ADD COLUMN;", squawk.opinions)
    assert "squawk-advice" in rules(found)


def test_it_changes_no_verdict_on_the_catalogue(tmp_path: Path, squawk: Squawk) -> None:
    paths = []
    for place, case in enumerate(CASES):
        path = tmp_path / f"{place:03}.sql"
        path.write_text(case.sql)
        paths.append(path)
    migrations = [of_sql(path) for path in paths]

    alone, together = lint(migrations), lint(migrations, second=squawk.opinions)

    assert serious(together) == serious(alone)


def test_it_says_which_statement_it_means(tmp_path: Path, squawk: Squawk) -> None:
    path = tmp_path / "some.sql"
    path.write_text("SELECT 1; CREATE INDEX i\nON t (a); BEGIN; DROP TABLE t; COMMIT")

    ((index, table),) = squawk.opinions([of_sql(path)])

    assert (index.place, index.rule) == (1, "require-concurrent-index-creation")
    assert (table.place, table.rule) == (2, "ban-drop-table")
    assert index.judged


def test_the_steps_of_safe_operations_are_not_its_matter(
    tmp_path: Path, squawk: Squawk
) -> None:
    migration = of_revision(revision(tmp_path, 'op.safe_drop_constraint("c", "t")'))
    assert migration.statements
    assert squawk.opinions([migration]) == ((),)


def test_its_own_settings_do_not_reach_it(
    tmp_path: Path, squawk: Squawk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = 'excluded_rules = ["require-concurrent-index-creation"]'
    (tmp_path / ".squawk.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "some.sql").write_text("CREATE INDEX i ON t (a);")

    ((opinion,),) = squawk.opinions([of_sql(tmp_path / "some.sql")])

    assert opinion.rule == "require-concurrent-index-creation"


@pytest.mark.parametrize("program", ["/nowhere/squawk", "/bin/false", "/bin/cat"])
def test_one_that_does_not_answer_is_an_error(tmp_path: Path, program: str) -> None:
    path = tmp_path / "some.sql"
    path.write_text("SELECT 1")

    with pytest.raises(MigrationError, match="squawk has no answer") as caught:
        Squawk(program).opinions([of_sql(path)])
    assert caught.value.remedy


def test_nothing_to_look_at_needs_no_squawk() -> None:
    assert Squawk("/nowhere/squawk").opinions([]) == ()
