"""CHECK constraints."""

from dataclasses import dataclass
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import CheckConstraint, literal_column
from sqlalchemy.schema import AddConstraint
from sqlalchemy.sql.elements import ColumnElement, TextClause
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.catalogue import ConstraintKind
from app.backend.migrations.operations.constraints import (
    SafeDropConstraintOp,
    validating,
)
from app.backend.migrations.operations.naming import ddl, final_name, qualified
from app.backend.migrations.operations.operation import Part, SafeOperation
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

__all__ = ["SafeCreateCheckOp"]


@dataclass(eq=False, kw_only=True)
class SafeCreateCheckOp(SafeOperation):
    """``NOT VALID``, which binds new rows at once, then ``VALIDATE`` for the others.

    Attributes:
        constraint: what to add, with its name; NOT VALID.
        name: the same name, plain.
    """

    directive: ClassVar[str] = "safe_create_check"

    constraint: CheckConstraint
    name: str
    table: str
    schema: str | None = None

    @classmethod
    def safe_create_check(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        condition: str | TextClause | ColumnElement[Any],
        *,
        schema: str | None = None,
    ) -> None:
        """Adds a CHECK without a scan under a lock.

        Args:
            operations: ``op``.
            constraint_name: to which the naming convention applies, as in Alembic.
            table_name: whose rows it binds.
            condition: a text is SQL.
            schema: of the table.

        Raises:
            MigrationError: there is no name.
        """
        # As it is: a colon in it is no parameter.
        told = literal_column(condition) if isinstance(condition, str) else condition
        constraint = operations.schema_obj.check_constraint(
            constraint_name, table_name, told, schema, postgresql_not_valid=True
        )
        name = final_name(constraint)
        if not name:
            raise MigrationError(
                f"a CHECK of {table_name} has no name",
                remedy="name it, so that a later run recognises it",
            )
        operations.invoke(
            cls(constraint=constraint, name=name, table=table_name, schema=schema)
        )

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        rows = catalogue.constraint(self.name, target, ConstraintKind.CHECK)
        return (
            Step(
                sql=ddl(AddConstraint(self.constraint)),
                table=target,
                lock=Lock.ACCESS_EXCLUSIVE,
                ask=catalogue.presence(rows),
            ),
            validating(self.name, target),
        )

    @override
    def reverse(self) -> MigrateOperation:
        return SafeDropConstraintOp(
            name=self.name,
            table=self.table,
            schema=self.schema,
            kind=ConstraintKind.CHECK,
            made=self,
        )
