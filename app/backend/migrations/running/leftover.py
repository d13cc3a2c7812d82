"""What a statement outside of any transaction has left behind, and what it still needs.

Such a statement takes effect by itself, or in part: whoever sent it may have been
killed before it heard of the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.backend.migrations.running.lock_needed import built_index
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

__all__ = ["Leftover", "finish_leftover"]

Ask = Callable[..., list[Any]]

# Made already: column, object, table, schema; gone already: column, object, table.
_DONE_BEFORE: Final = frozenset(
    {"42701", "42710", "42P07", "42P06", "42703", "42704", "42P01"}
)
_INDEX: Final = """
    select i.indisvalid and i.indisready,
           exists (select from pg_stat_progress_create_index p
                   where p.index_relid = i.indexrelid),
           format('%I.%I', n.nspname, c.relname)
    from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where i.indrelid = to_regclass($1) and c.relname = $2
"""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What was found.

    Attributes:
        done: the statement has taken effect, and must not be sent again.
        clean: what has to be taken away before it can be sent.
    """

    done: bool = False
    clean: Step | None = None


def finish_leftover(statement: str, ask: Ask, *, begun: bool) -> Leftover:
    """Looks what an earlier try of a statement has come to, and whether it is enough.

    An index that is there but not valid has to go first: CREATE INDEX would fail, and
    IF NOT EXISTS would leave it as it is and say that all is well (measured).

    Args:
        statement: is about to be sent, outside of any transaction.
        ask: runs SQL on the same connection; positional values, rows.
        begun: an earlier run has sent it and never heard of its end.

    Raises:
        MigrationError: somebody else builds that index just now.
    """
    index = built_index(statement)
    if index is not None:
        return _finish_index(*index, ask, begun=begun)
    if not begun:
        return Leftover()
    try:
        ask(statement)
    except Exception as error:  # noqa: BLE001 - the driver's, not wrapped by SQLAlchemy
        if getattr(error, "sqlstate", None) not in _DONE_BEFORE:
            return Leftover()  # sent again, it says so to who can deal with it
    return Leftover(done=True)


def _finish_index(name: str, table: str, ask: Ask, *, begun: bool) -> Leftover:
    rows = ask(_INDEX, table, _unquoted(name))
    if not rows:
        return Leftover()
    valid, built, qualified = rows[0]
    if valid:
        return Leftover(done=begun)
    if built:
        raise MigrationError(
            f"index {qualified} is being built by somebody else",
            remedy="wait for it (pg_stat_progress_create_index), then run this again",
        )
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {qualified}"
    weak = Lock.SHARE_UPDATE_EXCLUSIVE
    return Leftover(clean=Step(sql=drop, table=table, lock=weak, long=True))


def _unquoted(name: str) -> str:
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower()
