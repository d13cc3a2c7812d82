"""Indexes, built and dropped while the table is written to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import Column, Index, column
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.elements import ColumnElement, TextClause
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.naming import ddl, final_name, qualified
from app.backend.migrations.operations.operation import (
    Guard,
    Part,
    SafeOperation,
    irreversible,
)
from app.backend.migrations.operations.versions import Work, refuse_broken, require
from app.backend.migrations.statements import Lock, Step

__all__ = [
    "SafeCreateIndexOp",
    "SafeDropIndexOp",
    "building",
    "concurrent_index",
    "dropping",
    "not_partitioned",
]

NULLS_NOT_DISTINCT: Final = 150000
"""The first version that has it."""


@dataclass(eq=False, kw_only=True)
class SafeCreateIndexOp(SafeOperation):
    """``CREATE INDEX CONCURRENTLY``; an invalid one of that name is dropped first.

    Attributes:
        index: what to build, with its name.
        table: plain.
        schema: of the table.
    """

    directive: ClassVar[str] = "safe_create_index"

    index: Index
    table: str
    schema: str | None = None

    @classmethod
    def safe_create_index(
        cls,
        operations: Operations,
        index_name: str | None,
        table_name: str,
        columns: Sequence[str | TextClause | ColumnElement[Any]],
        *,
        schema: str | None = None,
        unique: bool = False,
        **kw: Any,
    ) -> None:
        """Builds an index while the table is written to.

        Args:
            operations: ``op``.
            index_name: None: by the naming convention.
            table_name: whose index it is.
            columns: of its key: names, or expressions as ``sa.text``.
            schema: of the table.
            unique: refuse equal keys.
            **kw: ``postgresql_where``, ``postgresql_using``, ``postgresql_include``,
                ``postgresql_ops`` and so on, as Alembic takes them.
        """
        index = concurrent_index(
            operations,
            index_name,
            table_name,
            columns,
            schema=schema,
            unique=unique,
            **kw,
        )
        operations.invoke(cls(index=index, table=table_name, schema=schema))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        return (building(self.index, target, self.schema, server_version),)

    @override
    def guards(self) -> tuple[Guard, ...]:
        return (not_partitioned(qualified(self.table, self.schema)),)

    @override
    def reverse(self) -> MigrateOperation:
        return SafeDropIndexOp(
            name=_name(self.index), table=self.table, schema=self.schema, made=self
        )


@dataclass(eq=False, kw_only=True)
class SafeDropIndexOp(SafeOperation):
    """``DROP INDEX CONCURRENTLY``.

    Attributes:
        name: of the index.
        table: plain.
        schema: of the table.
        made: what makes it again; None: that is not known.
    """

    directive: ClassVar[str] = "safe_drop_index"

    name: str
    table: str
    schema: str | None = None
    made: SafeCreateIndexOp | None = None

    @classmethod
    def safe_drop_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Drops an index, one that does not belong to a constraint.

        Args:
            operations: ``op``.
            index_name: which.
            table_name: whose index it is.
            schema: of the table.
        """
        operations.invoke(cls(name=index_name, table=table_name, schema=schema))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        return (dropping(self.name, qualified(self.table, self.schema), self.schema),)

    @override
    def reverse(self) -> MigrateOperation:
        if self.made is None:
            raise irreversible(
                self,
                f"nobody said what {self.name} was",
                "write the safe_create_index that makes it again",
            )
        return self.made


def concurrent_index(
    operations: Operations,
    name: str | None,
    table: str,
    columns: Sequence[str | TextClause | ColumnElement[Any]],
    *,
    schema: str | None,
    unique: bool,
    **kw: Any,
) -> Index:
    """An index, named by the naming convention where ``name`` is None.

    Raises:
        sqlalchemy.exc.ArgumentError: an option that PostgreSQL's indexes do not have.
    """
    include = kw.pop("postgresql_include", None) or ()
    kw["postgresql_include"] = [
        column(one) if isinstance(one, str) else one for one in include
    ]
    kw["postgresql_concurrently"] = True
    return operations.schema_obj.index(
        name, table, columns, schema=schema, unique=unique, **kw
    )


def building(
    index: Index, target: str, schema: str | None, server_version: int
) -> Step:
    """The step that builds an index, or builds it again when it is invalid.

    Args:
        index: which, with its name.
        target: its table, qualified and quoted.
        schema: of the table.
        server_version: as in ``server_version_num``.

    Raises:
        MigrationError: this server must not build it, or cannot.
    """
    refuse_broken(server_version, Work.CONCURRENT_BUILD)
    if index.dialect_options["postgresql"]["nulls_not_distinct"] is not None:
        require(server_version, NULLS_NOT_DISTINCT, "NULLS [NOT] DISTINCT")
    name = _name(index)
    rows = catalogue.index(name, target, _key(index), unique=bool(index.unique))
    return Step(
        sql=ddl(CreateIndex(index)),
        table=target,
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        long=True,
        ask=catalogue.presence(rows, valid="i.indisvalid"),
        clean=dropping(name, target, schema),
    )


def dropping(name: str, target: str, schema: str | None) -> Step:
    """The step that drops an index.

    Args:
        name: which, plain.
        target: its table, qualified and quoted.
        schema: of the table.
    """
    return Step(
        sql=f"DROP INDEX CONCURRENTLY {qualified(name, schema)}",
        table=target,
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        long=True,
        ask=catalogue.absence(catalogue.index(name, target)),
    )


def not_partitioned(target: str) -> Guard:
    """Refuses a partitioned table, which takes no step that leaves others at work."""
    return Guard(
        query="SELECT c.relname FROM pg_catalog.pg_class c"  # noqa: S608 - quoted
        f" WHERE c.oid = {catalogue.relation(target)} AND c.relkind = 'p'",
        says="this cannot be done online on a partitioned table",
        remedy="do it on each partition, then plainly on the table, which takes that",
    )


def _name(index: Index) -> str:
    name = final_name(index)
    if name is None:
        raise ValueError("an index without a name and without a naming convention")
    return name


def _key(index: Index) -> tuple[str, ...]:
    """The columns of its key; none when it has an expression, which is not compared."""
    columns = [one for one in index.expressions if isinstance(one, Column)]
    plain = len(columns) == len(index.expressions)
    return tuple(one.name for one in columns) if plain else ()
