import pytest
from alembic.operations import Operations

from app.backend.migrations.operations import (
    SafeCreateIndexOp,
    SafeCreateUniqueOp,
    SafeDropIndexOp,
    SafeSetNotNullOp,
)
from app.errors import MigrationError
from tests.support.safe_operations import operation_of


def build(op: Operations) -> None:
    SafeCreateIndexOp.safe_create_index(op, "ix", "t", ["a"])


@pytest.mark.parametrize("version", [140000, 140003])
def test_a_server_that_builds_corrupt_indexes_is_not_asked_to(version: int) -> None:
    with pytest.raises(MigrationError, match="must not build an index") as caught:
        operation_of(build).steps(version)
    assert "14.4" in caught.value.remedy


@pytest.mark.parametrize("version", [120000, 130023, 140004, 150000, 180006])
def test_others_are(version: int) -> None:
    assert operation_of(build).steps(version)


def test_the_broken_version_still_drops_indexes() -> None:
    def drop(op: Operations) -> None:
        SafeDropIndexOp.safe_drop_index(op, "ix", "t")

    assert operation_of(drop).steps(140000)


def test_a_server_that_does_not_believe_a_check_is_too_old() -> None:
    def not_null(op: Operations) -> None:
        SafeSetNotNullOp.safe_set_not_null(op, "t", "a")

    with pytest.raises(MigrationError, match=r"PostgreSQL 12, and this is 11\.22"):
        operation_of(not_null).steps(110022)


def test_nulls_that_are_equal_need_15() -> None:
    def unique(op: Operations) -> None:
        SafeCreateUniqueOp.safe_create_unique(
            op, "u", "t", ["a"], nulls_not_distinct=True
        )

    with pytest.raises(MigrationError, match="needs PostgreSQL 15"):
        operation_of(unique).steps(140011)
    assert "NULLS NOT DISTINCT" in operation_of(unique).steps(150000)[0].sql
