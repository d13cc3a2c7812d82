"""What is to be changed in the rows of a table that is in use. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Final

from app.backend.migrations.operations.naming import qualified, quoted
from app.backend.migrations.statements import Lock, Step

__all__ = ["BATCH", "Backfill"]

BATCH: Final = 1000
"""Keys that one transaction goes through: some 10 ms of row locks."""

# Without a key, which only a database can tell: each round looks for rows anew, and a
# row that meets the condition for ever would come back for ever.
_OFFLINE = """\
DO $pm33$
DECLARE
  changed bigint;
  rounds bigint := (SELECT count(*) / {batch} * 2 + 100 FROM {table} WHERE {where});
BEGIN
  LOOP
    UPDATE {table} SET {values} WHERE ({where}) AND ctid = ANY (ARRAY(
      SELECT ctid FROM {table} WHERE {where} LIMIT {batch} FOR UPDATE));
    GET DIAGNOSTICS changed = ROW_COUNT;
    EXIT WHEN changed = 0;
    COMMIT;
    rounds := rounds - 1;
    IF rounds < 0 THEN
      RAISE EXCEPTION 'rows of {name} that were changed still meet the condition';
    END IF;
  END LOOP;
END
$pm33$"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A change of rows, as SQL.

    Attributes:
        table: plain.
        schema: of the table; None: wherever the search path finds it.
        values: columns, plain, each with the expression that it is set to.
        where: the condition of the rows that are to be changed. It no longer holds for
            a row that was, so that nothing is done twice. None: a column is NULL.
        batch: keys of one transaction.
    """

    table: str
    schema: str | None
    values: tuple[tuple[str, str], ...]
    where: str | None = None
    batch: int = BATCH

    @property
    def target(self) -> str:
        """The table, qualified and quoted."""
        return qualified(self.table, self.schema)

    @property
    def assignments(self) -> str:
        """What comes after SET."""
        return ", ".join(f"{quoted(name)} = {sql}" for name, sql in self.values)

    @property
    def condition(self) -> str:
        """What comes after WHERE."""
        if self.where is not None:
            return self.where
        return " OR ".join(f"{quoted(name)} IS NULL" for name, _ in self.values)

    @property
    def name(self) -> str:
        """Its row in ``ops.backfill``; another change of these columns has its own."""
        said = hashlib.sha256(f"{self.assignments} {self.condition}".encode())
        columns = ",".join(name for name, _ in self.values)
        return f"{self.target}:{columns}:{said.hexdigest()[:8]}"

    def offline(self) -> Step:
        """The same as one statement that needs no cursor, and is slower."""
        where = self.where
        if where is None:  # a row whose new value is NULL as well is not looked for
            where = " OR ".join(
                f"({quoted(name)} IS NULL AND ({sql}) IS NOT NULL)"
                for name, sql in self.values
            )
        sql = _OFFLINE.format(
            table=self.target,
            values=self.assignments,
            where=where,
            batch=self.batch,
            name=self.target.replace("'", "''").replace("%", "%%"),
        )
        return Step(sql=sql, table=self.target, lock=Lock.ROW_EXCLUSIVE, long=True)
