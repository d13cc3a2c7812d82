"""Risks are told from statements and a catalogue, without a database."""

from pathlib import Path

import pytest

from app.backend.migrations.back.found import AtRisk, WayDown
from app.backend.migrations.back.keeping import keeping_of
from app.backend.migrations.back.refusal import refuse
from app.backend.migrations.back.reverse import read_reverse
from app.backend.migrations.back.risk import Keep, Risk, RiskKind
from app.backend.migrations.back.risks import risks_of
from app.backend.migrations.back.schema import Column, Schema, Table
from app.errors import DataAtRiskError
from tests.support.revisions import revision


def column(name: str, type_: str = "integer", **more: object) -> Column:
    told: dict[str, object] = {
        "required": False,
        "default": None,
        "computed": False,
        "counted": False,
        "builtin": True,
        "enum": None,
        **more,
    }
    return Column(name=name, sql=name, type=type_, **told)  # type: ignore[arg-type]


def schema(*columns: Column, key: tuple[str, ...] = ("id",)) -> Schema:
    table = Table(
        name="t",
        sql="public.t",
        columns={one.name: one for one in (column("id"), *columns)},
        key=key,
        pulls=False,
    )
    return Schema(version=150000, tables={"t": table}, enums={"mood": ("calm",)})


def risks(
    folder: Path, down: str, known: Schema, up: str = "op.execute('SELECT 1')"
) -> tuple[Risk, ...]:
    return risks_of([read_reverse(revision(folder, up, downgrade=down))], known)


DROP = "op.drop_column('t', 'b')"


@pytest.mark.parametrize(
    ("default", "condition"),
    [
        (None, "b IS NOT NULL"),
        ("'x'::text", "b IS NOT NULL AND b IS DISTINCT FROM ('x'::text)"),
        ("(-1)", "b IS NOT NULL AND b IS DISTINCT FROM ((-1))"),
        ("now()", "b IS NOT NULL"),
        ("nextval('s'::regclass)", "b IS NOT NULL"),
    ],
)
def test_what_the_default_gives_again_is_not_at_risk(
    tmp_path: Path, default: str | None, condition: str
) -> None:
    (found,) = risks(tmp_path, DROP, schema(column("b", "text", default=default)))
    assert (found.kind, found.condition) == (RiskKind.VALUES_GO, condition)
    assert (found.line, found.keep, found.hopeless) == (15, Keep.VALUES, "")


@pytest.mark.parametrize(
    "down",
    [
        "op.drop_column('t', 'gone')",
        "op.drop_column('elsewhere', 'b')",
        "op.drop_index('i')",
        "op.drop_column('t', 'sum')",
        "op.alter_column('t', 'b', type_=sa.BigInteger())",
        """
        op.execute("CREATE TABLE new (a int)")
        op.execute("INSERT INTO new SELECT 1")
        op.drop_table("new")
        """,
    ],
)
def test_where_nothing_is_there_nothing_is_at_risk(tmp_path: Path, down: str) -> None:
    known = schema(column("b"), column("sum", computed=True))
    assert risks(tmp_path, down, known) == ()


def test_without_a_key_values_could_not_come_back(tmp_path: Path) -> None:
    (found,) = risks(tmp_path, DROP, schema(column("b"), key=()))
    assert "no key" in found.hopeless


def test_what_runs_outside_the_first_transaction_might_miss_rows(
    tmp_path: Path,
) -> None:
    down = f"with op.get_context().autocommit_block():\n    {DROP}"
    (found,) = risks(tmp_path, down, schema(column("b")))
    assert "could be written between" in found.hopeless


def test_a_step_of_a_safe_operation_has_a_transaction_of_its_own(
    tmp_path: Path,
) -> None:
    (found,) = risks(tmp_path, "op.safe_drop_column('t', 'b')", schema(column("b")))
    assert (found.in_step, found.hopeless) == (True, "")


def test_names_are_those_of_before_the_first_statement(tmp_path: Path) -> None:
    down = (
        "op.rename_table('t', 'u')\n"
        "op.alter_column('u', 'b', new_column_name='c')\n"
        "op.drop_column('u', 'c')"
    )
    (found,) = risks(tmp_path, down, schema(column("b")))
    assert found.count == 'SELECT count(*) FROM public.t AS "t" WHERE b IS NOT NULL'


def test_a_column_that_the_downgrade_fills_does_not_come_back_empty(
    tmp_path: Path,
) -> None:
    make = "op.add_column('t', sa.Column('c', sa.Integer()))"
    (found,) = risks(tmp_path, make, schema(column("b")))
    assert found.kind is RiskKind.COMES_BACK_EMPTY
    fill = "op.execute('UPDATE t SET c = b')"
    both = f"{make}\n{fill}"
    assert risks(tmp_path / "two", both, schema(column("b"))) == ()


def test_a_column_that_must_have_a_value_and_gets_none_is_hopeless(
    tmp_path: Path,
) -> None:
    down = "op.add_column('t', sa.Column('c', sa.Integer(), nullable=False))"
    found = risks(tmp_path, down, schema())
    assert [one.kind for one in found] == [RiskKind.COMES_BACK_EMPTY, RiskKind.NULLS]
    assert found[1].hopeless


def test_a_type_made_anew_holds_what_it_is_made_of(tmp_path: Path) -> None:
    down = (
        "op.execute('ALTER TYPE mood RENAME TO old')\n"
        "op.execute(\"CREATE TYPE mood AS ENUM ('wild')\")\n"
        "op.execute('ALTER TABLE t ALTER m TYPE mood USING m::text::mood')"
    )
    known = schema(column("m", "mood", enum="mood", builtin=False))
    (found,) = risks(tmp_path, down, known)
    assert found.condition == "m IS NOT NULL AND m::text NOT IN ('wild')"
    assert found.keep is Keep.EMPTIED


def test_an_enum_value_that_cannot_be_added_again_is_hopeless(tmp_path: Path) -> None:
    up = "op.execute(\"ALTER TYPE mood ADD VALUE 'calm'\")"
    known = schema(column("m", "mood", enum="mood", required=True))
    found = risks(tmp_path, "pass", known, up)
    kinds = [one.kind for one in found]
    assert kinds == [RiskKind.IRREVERSIBLE, RiskKind.ENUM_VALUE_IN_USE]
    assert found[1].keep is Keep.ASIDE


def test_the_copy_is_of_the_key_and_the_column_and_types_of_ours_are_text(
    tmp_path: Path,
) -> None:
    known = schema(column("b"), column("m", "mood", builtin=False))
    (found,) = risks(tmp_path, "op.drop_column('t', 'm')", known)
    words = {"run": "run1", "number": 1, "reason": "it's", "actor": "me"}
    keeping = keeping_of(found, known, **words)  # type: ignore[arg-type]
    assert keeping.statements[0] == (
        'CREATE TABLE pm33_kept."t_run1_1" AS SELECT id, m::text AS m'
        ' FROM public.t AS "t" WHERE m IS NOT NULL'
    )
    assert "'it''s'" in keeping.statements[1]
    assert len(keeping.statements) == 2


def test_a_refusal_says_each_loss_and_whether_it_can_be_accepted(
    tmp_path: Path,
) -> None:
    (risk,) = risks(tmp_path, DROP, schema(column("b")))
    at_risk = (AtRisk(risk=risk, rows=3),)
    way = WayDown(
        to="x",
        goal="x",
        source="pm33",
        applied=(),
        fingerprint="",
        reverses=(),
        at_risk=at_risk,
    )
    with pytest.raises(DataAtRiskError, match=r"t\.b: 3 rows: its values go") as caught:
        refuse(way, accepted=False)
    assert "--accept-loss" in caught.value.remedy
    assert caught.value.report["rows"] == 3
    refuse(way, accepted=True)
