"""What the migrations that have been read make of the schema; no database is asked."""

from dataclasses import dataclass

from app.backend.migrations.sql.types import TypeName

__all__ = ["Check", "Known"]


@dataclass(slots=True)
class Check:
    """A constraint that is checked row by row.

    Attributes:
        expression: one blank between its words; empty: nobody has said it here.
        valid: whether all rows are known to obey.
    """

    expression: str
    valid: bool


class Known:
    """What is known of the schema, from the first migration that was read to the last.

    Attributes:
        new: tables, views and types of the migration that is read now: nobody uses
            them yet, so nothing about them blocks anybody.
        new_columns: ``table.column``, as above.
        utc: whether the session's time zone has been set to UTC.
    """

    def __init__(self) -> None:
        self.new: set[str] = set()
        self.new_columns: set[str] = set()
        self.utc = False
        self._types: dict[tuple[str, str], TypeName] = {}
        self._checks: dict[tuple[str, str], Check] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._indexes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._leading: set[tuple[str, str]] = set()
        self._required: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """Another migration is read; what the last one made is in use now."""
        self.new.clear()
        self.new_columns.clear()
        self.utc = False

    def type_of(self, table: str, column: str) -> TypeName | None:
        """A column's type; None: not known."""
        return self._types.get((table, column))

    def set_type(self, table: str, column: str, kind: TypeName) -> None:
        """A column has this type from now on."""
        self._types[table, column] = kind

    def add_check(self, table: str, name: str, expression: str, *, valid: bool) -> None:
        """A table has a constraint; ``valid``: it was checked when it was added."""
        self._checks[table, name] = Check(expression, valid)

    def validate(self, table: str, name: str) -> None:
        """All rows obey a constraint, which may be an older one than we know."""
        self._checks.setdefault((table, name), Check("", valid=True)).valid = True

    def add_key(self, table: str, name: str, referenced: str) -> None:
        """A table has a foreign key."""
        self._keys[table, name] = referenced

    def key(self, table: str, name: str) -> str:
        """The table that a foreign key refers to; empty: it is none that is known."""
        return self._keys.get((table, name), "")

    def drop_constraint(self, table: str, name: str) -> None:
        """A constraint is gone."""
        self._checks.pop((table, name), None)
        self._keys.pop((table, name), None)

    def add_index(self, name: str, table: str, columns: tuple[str, ...]) -> None:
        """A table has an index; ``name`` may be empty."""
        if name:
            self._indexes[name] = (table, columns)
        if columns:
            self._leading.add((table, columns[0]))

    def table_of(self, index: str) -> str:
        """The table of an index; empty: not known."""
        return self._indexes.get(index, ("", ()))[0]

    def is_indexed(self, table: str, column: str) -> bool:
        """Whether some index of a table is known to begin with a column."""
        return (table, column) in self._leading

    def require(self, table: str, column: str) -> None:
        """A column holds no null from now on."""
        self._required.add((table, column))

    def index_is_required(self, index: str) -> bool:
        """Whether all columns of an index are known to hold no null."""
        table, columns = self._indexes.get(index, ("", ()))
        return bool(columns) and all((table, one) in self._required for one in columns)

    def holds_no_null(self, table: str, column: str) -> bool:
        """Whether a valid check proves it, so that SET NOT NULL has nothing to read.

        An older check is known by its name alone; then the name has to speak of the
        column.
        """
        said = {f"{column} is not null", f'"{column}" is not null'}
        return any(
            check.valid
            and (
                check.expression in said
                or (not check.expression and column in name.lower())
            )
            for (owner, name), check in self._checks.items()
            if owner == table
        )

    def has_valid_check(self, table: str) -> bool:
        """Whether some check of a table is known to be obeyed."""
        return any(
            check.valid for (owner, _), check in self._checks.items() if owner == table
        )

    def rename(self, old: str, new: str) -> None:
        """A table that is new stays so under another name."""
        if old in self.new:
            self.new.add(new)
