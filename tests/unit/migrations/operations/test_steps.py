import pytest
import sqlalchemy as sa
from alembic.operations import Operations

from app.backend.migrations.operations import (
    DIRECTIVES,
    SafeAddColumnOp,
    SafeBackfillOp,
    SafeCreateForeignKeyOp,
    SafeCreateIndexOp,
    SafeCreatePrimaryKeyOp,
    SafeCreateUniqueOp,
    SafeDropConstraintOp,
    SafeSetNotNullOp,
)
from app.backend.migrations.operations.added_columns import is_stable
from app.backend.migrations.operations.versions import OLDEST
from app.backend.migrations.statements import Lock
from app.errors import MigrationError
from tests.support.safe_cases import CASES, FLOORS, Case
from tests.support.safe_operations import Directive, operation_of

OLD, NEW = 150018, 180006


def sql_of(directive: Directive, version: int = OLD) -> list[str]:
    return [step.sql for step in operation_of(directive).steps(version)]


def test_every_directive_is_on_op_and_has_a_case() -> None:
    every = (*CASES, *FLOORS)
    tried = {operation_of(case.directive).directive for case in every}

    for directive in DIRECTIVES:
        assert callable(getattr(Operations, directive.directive))
        assert directive.directive in tried


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_operation_has_the_steps_of_its_servers_version(case: Case) -> None:
    operation = operation_of(case.directive)

    for version in (OLDEST, OLD, 170004):
        assert len(operation.parts(version)) == case.parts
    assert len(operation.parts(NEW)) == (case.native or case.parts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("version", [OLDEST, NEW])
def test_what_takes_long_lets_readers_and_writers_through(
    case: Case, version: int
) -> None:
    for step in operation_of(case.directive).steps(version):
        locks = [step.lock, *(mode for _, mode in step.also)]
        assert not (step.long and any(lock.blocks_writes for lock in locks)), step.sql
        assert step.sql == step.sql.strip().rstrip(";")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_steps_are_the_same_each_time(case: Case) -> None:
    one, two = operation_of(case.directive), operation_of(case.directive)

    assert one.steps(OLD) == one.steps(OLD) == two.steps(OLD)


def test_an_index_is_built_concurrently_and_an_invalid_one_dropped() -> None:
    def directive(op: Operations) -> None:
        SafeCreateIndexOp.safe_create_index(
            op, None, "purchase", ["note"], schema="Shop", unique=True
        )

    (step,) = operation_of(directive).steps(OLD)

    assert step.sql == (
        'CREATE UNIQUE INDEX CONCURRENTLY "ix_Shop_purchase_note"'
        ' ON "Shop".purchase (note)'
    )
    assert (step.table, step.lock, step.long) == (
        '"Shop".purchase',
        Lock.SHARE_UPDATE_EXCLUSIVE,
        True,
    )
    assert step.clean is not None
    assert step.clean.sql == 'DROP INDEX CONCURRENTLY "Shop"."ix_Shop_purchase_note"'


def test_not_null_is_proven_by_a_check_before_18_and_by_itself_since() -> None:
    def directive(op: Operations) -> None:
        SafeSetNotNullOp.safe_set_not_null(op, "purchase", "note")

    alter = "ALTER TABLE purchase"
    check, own = "purchase_note_is_not_null", "purchase_note_not_null"
    assert sql_of(directive, OLD) == [
        f"{alter} ADD CONSTRAINT {check} CHECK (note IS NOT NULL) NOT VALID",
        f"{alter} VALIDATE CONSTRAINT {check}",
        f"{alter} ALTER COLUMN note SET NOT NULL",
        f"{alter} DROP CONSTRAINT {check}",
    ]
    assert sql_of(directive, NEW) == [
        f"{alter} ADD CONSTRAINT {own} NOT NULL note NOT VALID",
        f"{alter} VALIDATE CONSTRAINT {own}",
    ]


def test_a_foreign_key_says_what_it_locks_on_its_parent() -> None:
    def directive(op: Operations) -> None:
        SafeCreateForeignKeyOp.safe_create_foreign_key(
            op,
            None,
            "line",
            "purchase",
            ["purchase", "shop"],
            ["id", "shop"],
            referent_schema="sales",
            ondelete="CASCADE",
            deferrable=True,
            index="ix_line_purchase",
        )

    index, add, validate = operation_of(directive).steps(OLD)

    assert index.sql == (
        "CREATE INDEX CONCURRENTLY ix_line_purchase ON line (purchase, shop)"
    )
    assert add.sql == (
        "ALTER TABLE line ADD CONSTRAINT line_purchase_shop_fkey"
        " FOREIGN KEY(purchase, shop) REFERENCES sales.purchase (id, shop)"
        " ON DELETE CASCADE DEFERRABLE NOT VALID"
    )
    assert (add.lock, add.also) == (
        Lock.SHARE_ROW_EXCLUSIVE,
        (("sales.purchase", Lock.SHARE_ROW_EXCLUSIVE),),
    )
    assert (validate.lock, validate.also) == (
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (("sales.purchase", Lock.ROW_SHARE),),
    )


def test_dropping_a_foreign_key_locks_its_parent_as_much() -> None:
    def directive(op: Operations) -> None:
        SafeDropConstraintOp.safe_drop_constraint(
            op, "fk", "line", "foreignkey", referent_table="purchase"
        )

    (step,) = operation_of(directive).steps(OLD)

    assert step.lock is Lock.ACCESS_EXCLUSIVE
    assert step.also == (("purchase", Lock.ACCESS_EXCLUSIVE),)


@pytest.mark.parametrize(
    ("default", "backfill", "expected"),
    [
        ("new", None, ["ADD COLUMN c TEXT DEFAULT 'new' NOT NULL"]),
        (sa.text("now()"), None, ["ADD COLUMN c TEXT DEFAULT now() NOT NULL"]),
        (
            sa.text("f()"),
            None,
            ["ADD COLUMN c TEXT", "SET DEFAULT f()", "SET c = f()", "IS NOT NULL"],
        ),
        (
            "x",
            sa.text("upper(note)"),
            ["ADD COLUMN c TEXT", "DEFAULT 'x'", "SET c = upper(note)", "IS NOT NULL"],
        ),
        (
            "x",
            "",
            ["ADD COLUMN c TEXT", "DEFAULT 'x'", "SET c = '' WHERE", "IS NOT NULL"],
        ),
    ],
    ids=["constant", "stable", "volatile", "other-value", "empty-text"],
)
def test_a_column_is_added_in_one_step_only_when_no_row_has_to_be_written(
    default: object, backfill: object, expected: list[str]
) -> None:
    def directive(op: Operations) -> None:
        SafeAddColumnOp.safe_add_column(
            op,
            "t",
            sa.Column("c", sa.Text(), nullable=False),
            default=default,
            backfill=backfill,
        )

    steps = sql_of(directive)

    for step, part in zip(steps, expected, strict=False):
        assert part in step
    assert len(steps) == (1 if len(expected) == 1 else 7)


def test_the_rows_that_are_there_can_be_left_with_null() -> None:
    def directive(op: Operations) -> None:
        column: sa.Column[bool] = sa.Column(
            "c", sa.Boolean(), server_default=sa.false()
        )
        SafeAddColumnOp.safe_add_column(op, "t", column, leave_null=True)

    assert sql_of(directive) == [
        "ALTER TABLE t ADD COLUMN c BOOLEAN",
        "ALTER TABLE t ALTER COLUMN c SET DEFAULT false",
    ]


@pytest.mark.parametrize(
    "default",
    [
        *("0", "-1.5", "'it''s'", "'{}'::jsonb", "'a'::character varying(8)", "TRUE"),
        *("null", "now()", "CURRENT_TIMESTAMP", "'{}'::text[]", "'x'::\"My Type\""),
    ],
)
def test_one_value_for_all_rows_is_recognised(default: str) -> None:
    assert is_stable(default)


@pytest.mark.parametrize(
    "default",
    [
        *(
            "gen_random_uuid()",
            "clock_timestamp()",
            "nextval('s')",
            "'a' || f()",
            "now",
        ),
        *("(random())", "'a'; DROP TABLE t", "now() + random() * '1s'::interval"),
    ],
)
def test_whatever_else_may_be_another_value_for_each_row(default: str) -> None:
    assert not is_stable(default)


@pytest.mark.parametrize(
    ("column", "remedy"),
    [
        (sa.Column("c", sa.Integer(), sa.ForeignKey("t.id")), "foreign_key"),
        (
            sa.Column("c", sa.Integer(), sa.CheckConstraint("c > 0")),
            "safe_create_check",
        ),
        (sa.Column("c", sa.Integer(), unique=True), "safe_create_unique"),
        (sa.Column("c", sa.Integer(), index=True), "safe_create_index"),
        (sa.Column("c", sa.Integer(), primary_key=True), "safe_create_primary_key"),
        (sa.Column("c", sa.Integer(), sa.Identity()), "sequence"),
        (sa.Column("c", sa.Integer(), sa.Computed("a + 1")), "trigger"),
        (sa.Column("c", sa.Integer(), nullable=False), "default"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_column_that_locks_for_longer_is_refused_with_the_way_round(
    column: sa.Column[int], remedy: str
) -> None:
    def directive(op: Operations) -> None:
        SafeAddColumnOp.safe_add_column(op, "t", column)

    with pytest.raises(MigrationError) as caught:
        operation_of(directive)
    assert remedy in caught.value.remedy


def test_not_null_and_left_with_null_exclude_each_other() -> None:
    def directive(op: Operations) -> None:
        column = sa.Column("c", sa.Integer(), nullable=False, server_default="0")
        SafeAddColumnOp.safe_add_column(op, "t", column, leave_null=True)

    with pytest.raises(MigrationError, match="left with NULL"):
        operation_of(directive)


def test_values_are_pythons_and_sql_is_said_to_be() -> None:
    def directive(op: Operations) -> None:
        SafeBackfillOp.safe_backfill(
            op, "t", {"a": "now()", "b": sa.text("now()"), "c": False, "d": None}
        )

    (step,) = operation_of(directive).steps(OLD)

    assert "SET a = 'now()', b = now(), c = false, d = NULL WHERE" in step.sql
    assert "(a IS NULL AND ('now()') IS NOT NULL) OR (b IS NULL" in step.sql


def test_a_backfill_of_nothing_is_refused() -> None:
    with pytest.raises(MigrationError, match="nothing"):
        operation_of(lambda op: SafeBackfillOp.safe_backfill(op, "t", {}))


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.back], ids=lambda case: case.name
)
def test_what_has_no_reverse_says_so(case: Case) -> None:
    with pytest.raises(MigrationError, match="has no reverse") as caught:
        operation_of(case.directive).reverse()
    assert caught.value.remedy


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.back], ids=lambda case: case.name
)
def test_the_reverse_of_the_reverse_is_the_operation(case: Case) -> None:
    operation = operation_of(case.directive)

    again = operation.reverse().reverse()

    assert type(again) is type(operation)


def test_the_names_are_those_of_the_naming_convention() -> None:
    metadata = sa.MetaData(
        naming_convention={
            "ix": "x_%(table_name)s_%(column_0_name)s",
            "uq": "u_%(table_name)s_%(column_0_N_name)s",
            "pk": "p_%(table_name)s",
            "fk": "f_%(table_name)s_%(referred_table_name)s",
        }
    )

    def names(directive: Directive) -> str:
        steps = operation_of(directive, target_metadata=metadata).steps(OLD)
        return steps[-1].sql

    assert " x_t_a ON" in names(
        lambda op: SafeCreateIndexOp.safe_create_index(op, None, "t", ["a", "b"])
    )
    assert "INDEX u_t_a_b" in names(
        lambda op: SafeCreateUniqueOp.safe_create_unique(op, None, "t", ["a", "b"])
    )
    assert "INDEX p_t" in names(
        lambda op: SafeCreatePrimaryKeyOp.safe_create_primary_key(op, None, "t", ["a"])
    )
    assert "VALIDATE CONSTRAINT f_t_p" in names(
        lambda op: SafeCreateForeignKeyOp.safe_create_foreign_key(
            op, None, "t", "p", ["a"], ["id"]
        )
    )
