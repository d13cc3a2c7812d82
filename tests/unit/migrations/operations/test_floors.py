from alembic.operations import Operations

from app.backend.migrations.operations import (
    SafeLowerFloorOp,
    SafeOperation,
    SafeRaiseFloorOp,
)
from tests.support.safe_operations import operation_of

OLD = 150000


def raised(requires: str | None) -> SafeOperation:
    def directive(op: Operations) -> None:
        SafeRaiseFloorOp.safe_raise_floor(op, "0009_less", requires=requires)

    return operation_of(directive)


def test_a_revision_demands_itself_unless_it_says_otherwise() -> None:
    (step,) = raised(None).steps(OLD)
    assert "VALUES ('0009_less', '0009_less') ON CONFLICT" in step.sql
    (step,) = raised("0007_more").steps(OLD)
    assert "VALUES ('0009_less', '0007_more') ON CONFLICT" in step.sql


def test_the_way_back_lowers_it_and_raises_it_again() -> None:
    operation = raised("0007_more")

    back = operation.reverse()

    assert isinstance(back, SafeLowerFloorOp)
    (step,) = back.steps(OLD)
    assert step.sql == "DELETE FROM ops.schema_floor WHERE revision = '0009_less'"
    assert back.reverse() is operation
