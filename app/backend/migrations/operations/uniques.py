"""UNIQUE and PRIMARY KEY: an index is built first, and becomes the constraint's."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import Index
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.catalogue import ConstraintKind
from app.backend.migrations.operations.constraints import SafeDropConstraintOp
from app.backend.migrations.operations.indexes import (
    building,
    concurrent_index,
    not_partitioned,
)
from app.backend.migrations.operations.naming import (
    final_name,
    object_name,
    qualified,
    quoted,
)
from app.backend.migrations.operations.operation import Guard, Part, SafeOperation
from app.backend.migrations.statements import Lock, Step

__all__ = ["SafeCreatePrimaryKeyOp", "SafeCreateUniqueOp"]


@dataclass(eq=False, kw_only=True)
class _KeyOp(SafeOperation):
    """Both kinds; ``index`` has the constraint's name, which it keeps."""

    index: Index
    name: str
    table: str
    columns: tuple[str, ...]
    schema: str | None = None

    kind: ClassVar[ConstraintKind]

    @property
    @abstractmethod
    def clause(self) -> str:
        """What the constraint is called in SQL."""

    @property
    def deferral(self) -> str:
        """What comes after the index."""
        return ""

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        name = quoted(self.name)
        rows = catalogue.constraint(self.name, target, self.kind, self.columns)
        return (
            building(self.index, target, self.schema, server_version),
            Step(
                sql=f"ALTER TABLE {target} ADD CONSTRAINT {name} {self.clause}"
                f" USING INDEX {name}{self.deferral}",
                table=target,
                lock=Lock.ACCESS_EXCLUSIVE,
                ask=catalogue.presence(rows),
            ),
        )

    @override
    def guards(self) -> tuple[Guard, ...]:
        return (not_partitioned(qualified(self.table, self.schema)),)

    @override
    def reverse(self) -> MigrateOperation:
        return SafeDropConstraintOp(
            name=self.name,
            table=self.table,
            schema=self.schema,
            kind=self.kind,
            made=self,
        )


@dataclass(eq=False, kw_only=True)
class SafeCreateUniqueOp(_KeyOp):
    """``CREATE UNIQUE INDEX CONCURRENTLY``, then ``UNIQUE USING INDEX``."""

    directive: ClassVar[str] = "safe_create_unique"
    kind: ClassVar[ConstraintKind] = ConstraintKind.UNIQUE

    deferrable: bool | None = None
    initially: str | None = None

    @classmethod
    def safe_create_unique(
        cls,
        operations: Operations,
        constraint_name: str | None,
        table_name: str,
        columns: Sequence[str],
        *,
        schema: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        nulls_not_distinct: bool | None = None,
    ) -> None:
        """Adds a UNIQUE constraint while the table is written to.

        Args:
            operations: ``op``.
            constraint_name: None: by the naming convention, else as PostgreSQL does.
            table_name: whose rows it binds.
            columns: that are unique together.
            schema: of the table.
            deferrable: it can be checked at the end of a transaction.
            initially: ``DEFERRED`` or ``IMMEDIATE``.
            nulls_not_distinct: NULLs are equal, too; since PostgreSQL 15.
        """
        told = operations.schema_obj.unique_constraint(
            constraint_name, table_name, columns, schema
        )
        name = final_name(told) or object_name(table_name, "_".join(columns), "key")
        index = concurrent_index(
            operations,
            operations.f(name),
            table_name,
            columns,
            schema=schema,
            unique=True,
            postgresql_nulls_not_distinct=nulls_not_distinct,
        )
        operations.invoke(
            cls(
                index=index,
                name=name,
                table=table_name,
                columns=tuple(columns),
                schema=schema,
                deferrable=deferrable,
                initially=initially,
            )
        )

    @property
    @override
    def clause(self) -> str:
        return "UNIQUE"

    @property
    @override
    def deferral(self) -> str:
        text = ""
        if self.deferrable is not None:
            text += " DEFERRABLE" if self.deferrable else " NOT DEFERRABLE"
        if self.initially is not None:
            text += f" INITIALLY {self.initially}"
        return text


@dataclass(eq=False, kw_only=True)
class SafeCreatePrimaryKeyOp(_KeyOp):
    """The same for a primary key, over columns that are NOT NULL already.

    ``USING INDEX`` would make them so itself, under its lock, and say nothing.
    """

    directive: ClassVar[str] = "safe_create_primary_key"
    kind: ClassVar[ConstraintKind] = ConstraintKind.PRIMARY_KEY

    @classmethod
    def safe_create_primary_key(
        cls,
        operations: Operations,
        constraint_name: str | None,
        table_name: str,
        columns: Sequence[str],
        *,
        schema: str | None = None,
    ) -> None:
        """Adds a primary key while the table is written to.

        Args:
            operations: ``op``.
            constraint_name: None: by the naming convention, else as PostgreSQL does.
            table_name: whose key it is.
            columns: NOT NULL already; see ``safe_set_not_null``.
            schema: of the table.
        """
        told = operations.schema_obj.primary_key_constraint(
            constraint_name, table_name, columns, schema
        )
        name = final_name(told) or object_name(table_name, None, "pkey")
        index = concurrent_index(
            operations,
            operations.f(name),
            table_name,
            columns,
            schema=schema,
            unique=True,
        )
        operations.invoke(
            cls(
                index=index,
                name=name,
                table=table_name,
                columns=tuple(columns),
                schema=schema,
            )
        )

    @property
    @override
    def clause(self) -> str:
        return "PRIMARY KEY"

    @override
    def guards(self) -> tuple[Guard, ...]:
        nullable = catalogue.nullable(self.columns, qualified(self.table, self.schema))
        return (
            *super().guards(),
            Guard(
                query=f"SELECT a.attname FROM {nullable}",  # noqa: S608 - quoted
                says="columns of a primary key that allow NULL",
                remedy="make them NOT NULL first, with safe_set_not_null",
            ),
        )
