"""Foreign keys."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.schema import AddConstraint
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.catalogue import ConstraintKind
from app.backend.migrations.operations.constraints import (
    SafeDropConstraintOp,
    validating,
)
from app.backend.migrations.operations.indexes import (
    building,
    concurrent_index,
    not_partitioned,
)
from app.backend.migrations.operations.naming import (
    ddl,
    final_name,
    object_name,
    qualified,
)
from app.backend.migrations.operations.operation import Guard, Part, SafeOperation
from app.backend.migrations.statements import Lock, Step

__all__ = ["SafeCreateForeignKeyOp"]


@dataclass(eq=False, kw_only=True)
class SafeCreateForeignKeyOp(SafeOperation):
    """An index for the child's columns, ``NOT VALID``, then ``VALIDATE``.

    Without that index each DELETE of a parent's row reads the whole child.

    Attributes:
        constraint: what to add, with its name; NOT VALID.
        name: the same name, plain.
        index: None: none is made.
    """

    directive: ClassVar[str] = "safe_create_foreign_key"

    constraint: ForeignKeyConstraint
    name: str
    table: str
    schema: str | None
    columns: tuple[str, ...]
    referent: str
    index: Index | None

    @classmethod
    def safe_create_foreign_key(
        cls,
        operations: Operations,
        constraint_name: str | None,
        source_table: str,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        *,
        source_schema: str | None = None,
        referent_schema: str | None = None,
        index: bool | str = True,
        **kw: Any,
    ) -> None:
        """Adds a foreign key without a scan under a lock.

        Args:
            operations: ``op``.
            constraint_name: None: by the naming convention, else as PostgreSQL does.
            source_table: the child.
            referent_table: the parent.
            local_cols: of the child.
            remote_cols: of the parent.
            source_schema: of the child.
            referent_schema: of the parent.
            index: True: make one, named after the constraint, unless there is an index
                that begins with these columns; a text: the same under this name, which
                the models should have, too; False: make none.
            **kw: ``onupdate``, ``ondelete``, ``deferrable``, ``initially``, ``match``,
                as Alembic takes them.
        """
        constraint = operations.schema_obj.foreign_key_constraint(
            constraint_name,
            source_table,
            referent_table,
            list(local_cols),
            list(remote_cols),
            source_schema=source_schema,
            referent_schema=referent_schema,
            postgresql_not_valid=True,
            **kw,
        )
        name = final_name(constraint)
        if name is None:
            name = object_name(source_table, "_".join(local_cols), "fkey")
            constraint.name = operations.f(name)
        operations.invoke(
            cls(
                constraint=constraint,
                name=name,
                table=source_table,
                schema=source_schema,
                columns=tuple(local_cols),
                referent=qualified(referent_table, referent_schema),
                index=None
                if index is False
                else concurrent_index(
                    operations,
                    operations.f(
                        object_name(name, None, "idx") if index is True else index
                    ),
                    source_table,
                    local_cols,
                    schema=source_schema,
                    unique=False,
                ),
            )
        )

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        rows = catalogue.constraint(
            self.name, target, ConstraintKind.FOREIGN_KEY, self.columns, self.referent
        )
        return (
            *self._indexed(target, server_version),
            Step(
                sql=ddl(AddConstraint(self.constraint)),
                table=target,
                lock=Lock.SHARE_ROW_EXCLUSIVE,
                also=((self.referent, Lock.SHARE_ROW_EXCLUSIVE),),
                ask=catalogue.presence(rows),
            ),
            validating(self.name, target, (self.referent, Lock.ROW_SHARE)),
        )

    @override
    def guards(self) -> tuple[Guard, ...]:
        return (not_partitioned(qualified(self.table, self.schema)),)

    @override
    def reverse(self) -> MigrateOperation:
        index = None if self.index is None else final_name(self.index)
        return SafeDropConstraintOp(
            name=self.name,
            table=self.table,
            schema=self.schema,
            kind=ConstraintKind.FOREIGN_KEY,
            referent=self.referent,
            index=index,
            made=self,
        )

    def _indexed(self, target: str, server_version: int) -> tuple[Step, ...]:
        if self.index is None:
            return ()
        step = building(self.index, target, self.schema, server_version)
        served = catalogue.any_index_on(target, self.columns)
        return (replace(step, ask=catalogue.unless(served, step.ask or "")),)
