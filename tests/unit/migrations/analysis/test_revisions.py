"""What makes a statement of a revision safe or unsafe that is not in it."""

from pathlib import Path

import pytest

from app.backend.migrations.analysis.findings import Finding, Severity
from app.backend.migrations.analysis.linting import lint
from app.backend.migrations.analysis.migration import of_sql
from tests.support.linted import lint_revisions, lint_sql, rules, serious
from tests.support.revisions import BODY, scripts, write_revision


def linted(folder: Path) -> tuple[Finding, ...]:
    return lint_revisions(scripts(folder))


def test_a_table_is_new_in_its_own_revision_and_in_use_in_the_next(
    tmp_path: Path,
) -> None:
    made = """
    op.create_table("users", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.create_index("one", "users", ["id"])
    """
    write_revision(tmp_path, made, name="a")
    index = 'op.create_index("two", "users", ["id"])'
    write_revision(tmp_path, index, name="b", before="a")

    (found,) = linted(tmp_path)

    assert (found.rule, found.file.endswith("b.py")) == ("create-index", True)
    assert (found.line, found.statement) == (BODY, "CREATE INDEX two ON users (id)")


def test_files_of_sql_know_nothing_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t (a varchar(5))")
    (tmp_path / "b.sql").write_text("ALTER TABLE t ALTER a TYPE varchar(9)")

    found = lint([of_sql(tmp_path / name) for name in ("a.sql", "b.sql")])

    assert rules(found) == ["change-type"]


def test_a_column_s_type_is_known_from_the_revision_that_made_it(
    tmp_path: Path,
) -> None:
    made = 'op.create_table("t", sa.Column("a", sa.String(5)), sa.Column("b", sa.Text))'
    write_revision(tmp_path, made, name="a")
    wider = 'op.alter_column("t", "a", type_=sa.String(9))'
    write_revision(tmp_path, wider, name="b", before="a")
    narrower = 'op.alter_column("t", "b", type_=sa.String(9))'
    write_revision(tmp_path, narrower, name="c", before="b")

    assert rules(linted(tmp_path)) == ["change-type-cached-plans", "change-type"]


def test_the_type_that_a_revision_names_is_believed(tmp_path: Path) -> None:
    write_revision(
        tmp_path,
        """
        op.alter_column("t", "a", type_=sa.Text(), existing_type=sa.Integer())
        op.alter_column("t", "b", type_=sa.Text(), existing_type=sa.String(5))
        """,
    )

    assert serious(linted(tmp_path)) == ["change-type"]


def test_a_check_that_was_validated_in_an_older_revision_is_a_proof(
    tmp_path: Path,
) -> None:
    check = 'op.safe_create_check("e", "users", "email IS NOT NULL")'
    write_revision(tmp_path, check, name="a")
    required = 'op.alter_column("users", "email", nullable=False)'
    write_revision(tmp_path, required, name="b", before="a")

    assert serious(linted(tmp_path)) == []


def test_a_foreign_key_is_known_by_what_made_it(tmp_path: Path) -> None:
    made = "CREATE TABLE a (x int CONSTRAINT y REFERENCES b);"
    found = lint_sql(tmp_path, f"{made} ALTER TABLE c DROP CONSTRAINT fk_c_d;")
    assert "drop-foreign-key" in rules(found)
    write_revision(tmp_path, 'op.drop_constraint("x", "t", type_="foreignkey")')
    assert rules(linted(tmp_path)) == ["drop-foreign-key"]


DROPS = """
op.drop_column("users", "email")
op.drop_table("gone")
op.execute("DROP VIEW old")
"""


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (("expand",), ["drop-column", "drop-table", "drop-view"]),
        (("contract",), []),
    ],
)
def test_a_contract_revision_is_where_things_go(
    tmp_path: Path, labels: tuple[str, ...], found: list[str]
) -> None:
    write_revision(tmp_path, DROPS, labels=labels)

    errors = [one.rule for one in linted(tmp_path) if one.severity is Severity.ERROR]
    assert errors == found


def test_a_branch_s_later_revisions_are_of_its_phase_too(tmp_path: Path) -> None:
    write_revision(tmp_path, "pass", name="a", labels=("contract",))
    write_revision(tmp_path, DROPS, name="b", before="a")

    assert "drop-column" not in rules(linted(tmp_path))


def test_a_safe_operation_has_its_revision_for_itself(tmp_path: Path) -> None:
    safe = 'op.safe_create_index("i", "users", ["email"])'
    write_revision(tmp_path, safe, name="a")
    write_revision(
        tmp_path,
        f'{safe}\nop.add_column("users", sa.Column("a", sa.Text()))',
        name="b",
        before="a",
    )

    (found,) = linted(tmp_path)

    assert (found.rule, found.line) == ("mixed-revision", BODY + 1)
    assert found.severity is Severity.ERROR


def test_an_autocommit_block_has_its_revision_for_itself(tmp_path: Path) -> None:
    block = """
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY i ON users (email)")
    """
    write_revision(tmp_path, block, name="a")
    added = 'op.add_column("users", sa.Column("a", sa.Text()))'
    write_revision(tmp_path, f"{added}{block.replace(' ' * 4, '')}", name="b")
    path = tmp_path / "versions" / "b.py"
    path.write_text(path.read_text().replace("    op.execute", "        op.execute"))

    assert rules(linted(tmp_path)) == ["autocommit-block-not-alone"]


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (("CREATE INDEX CONCURRENTLY i ON t (a)",), []),
        (
            (
                "DROP INDEX CONCURRENTLY IF EXISTS i",
                "CREATE INDEX CONCURRENTLY i ON t (a)",
            ),
            [],
        ),
        (
            (
                "CREATE INDEX CONCURRENTLY i ON t (a)",
                "CREATE INDEX CONCURRENTLY j ON t (b)",
            ),
            ["autocommit-block-not-alone"],
        ),
    ],
)
def test_an_autocommit_block_can_be_run_again(
    tmp_path: Path, statements: tuple[str, ...], found: list[str]
) -> None:
    lines = ["op.execute('SET statement_timeout = 0')"]
    lines += ["with op.get_context().autocommit_block():"]
    lines += [f"    op.execute({one!r})" for one in statements]
    write_revision(tmp_path, "\n".join(lines))

    assert rules(linted(tmp_path)) == found


def test_an_index_beside_traffic_needs_an_autocommit_block(tmp_path: Path) -> None:
    write_revision(
        tmp_path,
        'op.create_index("i", "users", ["email"], postgresql_concurrently=True)',
    )

    assert rules(linted(tmp_path)) == ["concurrently-in-transaction"]


@pytest.mark.parametrize(
    ("downgrade", "found"),
    [
        ("pass", ["downgrade-missing"]),
        ('op.drop_column("users", "a")', []),
        ('raise NotImplementedError("there is no way back")', []),
        ('op.get_bind().execute(sa.text("SELECT 1")).all()', []),
    ],
)
def test_a_downgrade_does_something_or_says_that_it_cannot(
    tmp_path: Path, downgrade: str, found: list[str]
) -> None:
    added = 'op.add_column("users", sa.Column("a", sa.Text()))'
    write_revision(tmp_path, added, downgrade=downgrade)

    assert rules(linted(tmp_path)) == found


def test_a_revision_that_asks_a_database_is_told_and_so_is_what_came_before(
    tmp_path: Path,
) -> None:
    write_revision(
        tmp_path,
        """
        op.execute("DROP TYPE mood")
        for row in op.get_bind().execute(sa.text("SELECT id FROM users")):
            op.execute(f"UPDATE users SET a = {row[0]}")
        """,
    )

    before, opaque = linted(tmp_path)

    assert before.rule == "drop-object"
    assert (opaque.rule, opaque.line) == ("opaque-revision", BODY + 1)
    assert opaque.severity is Severity.WARNING
    assert opaque.lock is None


def test_a_revision_that_fails_hides_no_other(tmp_path: Path) -> None:
    write_revision(tmp_path, "nobody", name="a")
    index = 'op.create_index("i", "users", ["email"])'
    write_revision(tmp_path, index, name="b", before="a")

    assert serious(linted(tmp_path)) == ["revision-fails", "create-index"]


def test_dynamic_statements_are_seen_as_they_are_sent(tmp_path: Path) -> None:
    write_revision(
        tmp_path,
        """
        for table in ("users", "orders"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN note SET NOT NULL")
        """,
    )

    assert rules(linted(tmp_path)) == [
        "set-not-null",
        "set-not-null",
        "two-tables-in-one-transaction",
    ]
