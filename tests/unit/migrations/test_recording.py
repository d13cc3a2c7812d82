from pathlib import Path

import pytest
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations

from app.backend.migrations.recording import (
    Recording,
    alembic_of_this_process,
    read_sql,
    record,
)
from app.errors import MigrationError, UnreadableMigrationError
from tests.support.revisions import BODY, revision, scripts, write_revision


def recorded(folder: Path, upgrade: str) -> Recording:
    return record(revision(folder, upgrade))


def said(recording: Recording) -> list[tuple[int, int | None, str]]:
    return [
        (one.line - BODY, one.transaction, " ".join(one.sql.split()))
        for one in recording.statements
    ]


def test_each_statement_has_the_line_that_asked_for_it(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        """
        op.add_column("users", sa.Column("a", sa.Text()))
        for name in ("b", "c"):
            op.drop_column(
                "users",
                name,
            )
        op.execute("UPDATE users SET a = ':x'")
        """,
    )

    assert said(recording) == [
        (0, 1, "ALTER TABLE users ADD COLUMN a TEXT"),
        (2, 1, "ALTER TABLE users DROP COLUMN b"),
        (2, 1, "ALTER TABLE users DROP COLUMN c"),
        (6, 1, "UPDATE users SET a = ':x'"),
    ]
    assert recording.opaque is None
    assert {one.revision for one in recording.statements} == {"0001"}


def test_an_autocommit_block_is_outside_of_the_transactions_around_it(
    tmp_path: Path,
) -> None:
    recording = recorded(
        tmp_path,
        """
        op.execute("SELECT 1")
        with op.get_context().autocommit_block():
            op.create_index("i", "t", ["a"], postgresql_concurrently=True)
        op.execute("SELECT 2")
        op.execute("COMMIT; SELECT 3; BEGIN; SELECT 4")
        """,
    )

    assert [(place, sql) for _, place, sql in said(recording)] == [
        (1, "SELECT 1"),
        (None, "CREATE INDEX CONCURRENTLY i ON t (a)"),
        (2, "SELECT 2"),
        (None, "SELECT 3"),
        (3, "SELECT 4"),
    ]


def test_a_safe_operation_is_recorded_in_its_steps(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        """
        op.safe_create_foreign_key("f", "orders", "users", ["user_id"], ["id"])
        op.execute("SELECT 1")
        """,
    )

    *steps, last = recording.statements
    assert {one.directive for one in steps} == {"safe_create_foreign_key"}
    assert {one.transaction for one in steps} == {None}
    assert all(one.step is not None and one.step.sql == one.sql for one in steps)
    assert any("NOT VALID" in one.sql for one in steps)
    assert (last.directive, last.line) == (None, BODY + 1)


def test_values_are_written_into_the_statement(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        """
        kinds = sa.table("kinds", sa.column("id", sa.Integer), sa.column("at"))
        op.bulk_insert(kinds, [{"id": 1}])
        bind = op.get_bind()
        bind.execute(sa.text("UPDATE t SET a = :a WHERE b LIKE '5%'"), {"a": "x"})
        bind.execute(sa.text("UPDATE t SET a = :a"))
        """,
    )

    assert [sql for _, _, sql in said(recording)] == [
        "INSERT INTO kinds (id) VALUES (1)",
        "UPDATE t SET a = 'x' WHERE b LIKE '5%'",
        "UPDATE t SET a = :a",
    ]


def test_what_only_the_revision_knows_of_the_past_is_kept(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        """
        op.alter_column("t", "a", type_=sa.Text(), existing_type=sa.String(10))
        op.drop_constraint("x", "t", type_="foreignkey")
        op.drop_constraint("y", "t")
        """,
    )

    assert [one.was for one in recording.statements] == [
        "VARCHAR(10)",
        "foreign key",
        None,
    ]


@pytest.mark.parametrize(
    "asks",
    [
        'op.get_bind().execute(sa.text("SELECT 1")).scalar()',
        'rows = [*op.get_bind().execute(sa.text("SELECT 1"))]',
        "sa.inspect(op.get_bind()).get_table_names()",
        'op.get_bind().scalar(sa.text("SELECT 1"))',
        'from sqlalchemy.orm import Session; Session(op.get_bind()).scalars("x").all()',
    ],
)
def test_a_question_to_a_database_makes_the_rest_opaque(
    tmp_path: Path, asks: str
) -> None:
    recording = recorded(
        tmp_path, f'op.execute("SELECT 0")\n{asks}\nop.execute("SELECT 9")'
    )

    assert recording.statements[0].sql == "SELECT 0"
    assert "SELECT 9" not in {one.sql for one in recording.statements}
    assert recording.opaque
    assert recording.line == BODY + 1


def test_a_revision_may_ask_whether_there_is_a_database(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        """
        if not context.is_offline_mode():
            op.get_bind().scalar("SELECT 1")
        op.execute("SELECT 2")
        """,
    )

    assert [sql for _, _, sql in said(recording)] == ["SELECT 2"]
    assert recording.opaque is None


def test_a_revision_that_fails_by_itself_is_an_error_with_its_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(MigrationError, match=r"0001 .* NameError: .*nobody") as caught:
        recorded(tmp_path, "nobody")
    assert caught.value.remedy


def test_the_way_back_is_recorded_in_the_same_way(tmp_path: Path) -> None:
    there = revision(tmp_path, "pass", downgrade='op.drop_table("t", schema="s")')

    assert record(there).statements == ()
    assert [one.sql.strip() for one in record(there, down=True).statements] == [
        "DROP TABLE s.t"
    ]


def test_recording_inside_of_a_migration_leaves_that_its_own_operations(
    tmp_path: Path,
) -> None:
    there = revision(tmp_path, 'op.execute("SELECT 1")')
    outer = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True})

    with alembic_of_this_process(), Operations.context(outer):
        record(there)
        assert op.get_context() is outer


def test_revisions_of_one_folder_are_recorded_independently(tmp_path: Path) -> None:
    write_revision(tmp_path, 'op.execute("SELECT 1")', name="a")
    write_revision(tmp_path, 'op.execute("SELECT 2")', name="b", before="a")

    found = {
        one.revision: [each.sql for each in record(one).statements]
        for one in scripts(tmp_path).walk_revisions()
    }

    assert found == {"a": ["SELECT 1"], "b": ["SELECT 2"]}


def test_a_file_of_sql_has_lines_and_transactions(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text(
        "\ufeff-- first\nSELECT 1;\nBEGIN;\nSELECT 2;\nSAVEPOINT s;\n"
        "SELECT\n3;\nCOMMIT AND CHAIN;\nSELECT 4; ROLLBACK;\nSELECT 5"
    )

    found = [(one.line, one.transaction, one.sql) for one in read_sql(path)]

    assert found == [
        (2, None, "SELECT 1"),
        (4, 1, "SELECT 2"),
        (6, 1, "SELECT\n3"),
        (9, 2, "SELECT 4"),
        (10, None, "SELECT 5"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"SELECT 1;\n\\dt", "line 2: psql"),
        (b"SELECT 1;\n\nSELECT 'a;", "line 3: .* no end"),
        (b"COPY t (a) FROM stdin;\n1\n\\.", "COPY|psql"),
        (b"COPY t FROM STDIN;", "line 1: the rows of COPY"),
        (b"SELECT '\xff'", "cannot be read"),
    ],
)
def test_a_file_that_is_no_sql_is_refused_with_the_line(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "some.sql"
    path.write_bytes(content)

    with pytest.raises(UnreadableMigrationError, match=says) as caught:
        read_sql(path)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMigrationError, match="cannot be read"):
        read_sql(tmp_path / "none.sql")
