"""Chains of revisions as hypothesis makes them, with what each one would lose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from app.backend.migrations.back.risk import RiskKind
from tests.support.ways_down import Revision

__all__ = ["BASE", "CHAINS", "FILL", "Link", "seen"]

LONGEST: Final = 6
ROWS: Final = 6

_COLUMNS = "".join(
    f", u{i} int CONSTRAINT u{i} UNIQUE, k{i} int CONSTRAINT k{i} CHECK (k{i} > 0),"
    f" r{i} int NOT NULL, w{i} int, x{i} varchar(4), d{i} int, e{i} m{i}"
    for i in range(LONGEST)
)
_TYPES = "; ".join(f"CREATE TYPE m{i} AS ENUM ('one')" for i in range(LONGEST))
BASE: Final[Revision] = (
    "\n".join(
        f"op.execute({one!r})"
        for one in (
            *_TYPES.split("; "),
            f"CREATE TABLE t (id int PRIMARY KEY{_COLUMNS})",
        )
    ),
    "pass",
)
_FILLED = ", ".join(f"i, i, i, i, 'v' || i, i, 'one'::m{n}" for n in range(LONGEST))
FILL: Final = f"INSERT INTO t SELECT i, {_FILLED} FROM generate_series(1, {ROWS}) i"  # noqa: S608 - a test's


@dataclass(frozen=True, slots=True)
class Link:
    """A revision, what is written after it, and what its downgrade would lose.

    Attributes:
        writes: SQL.
        loses: kind, place and count; None: nothing.
        forgets: a column that no way down brings back.
    """

    revision: Revision
    writes: str = "SELECT 1"
    loses: tuple[RiskKind, str, int] | None = None
    forgets: str = ""


def _sql(up: str, down: str) -> Revision:
    return f"op.execute({up!r})", f"op.execute({down!r})"


def _link(
    revision: Revision, writes: str, kind: RiskKind, place: str, count: int
) -> Link:
    if not count:
        return Link(revision)
    return Link(revision, writes, (kind, place, count))


def _column(i: int, count: int, *, safe: bool) -> Link:
    add, drop = (
        ("safe_add_column", "safe_drop_column")
        if safe
        else (
            "add_column",
            "drop_column",
        )
    )
    revision = (
        f"op.{add}('t', sa.Column('c{i}', sa.Text(), server_default='x'))",
        f"op.{drop}('t', 'c{i}')",
    )
    writes = f"UPDATE t SET c{i} = 'w' || id WHERE id <= {count}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.VALUES_GO, f"t.c{i}", count)


def _table(i: int, count: int, *, safe: bool) -> Link:
    revision = _sql(f"CREATE TABLE n{i} (id int PRIMARY KEY)", f"DROP TABLE n{i}")
    writes = f"INSERT INTO n{i} SELECT generate_series(1, {count})"
    return _link(revision, writes, RiskKind.ROWS_GO, f"n{i}.", count)


def _index(i: int, _count: int, *, safe: bool) -> Link:
    word = "safe_" if safe else ""
    return Link(
        (
            f"op.{word}create_index('ix{i}', 't', ['w{i}'])",
            f"op.{word}drop_index('ix{i}', 't')"
            if safe
            else f"op.drop_index('ix{i}', table_name='t')",
        )
    )


def _unique(i: int, count: int, *, safe: bool) -> Link:
    count = min(count, ROWS - 1)
    again = (
        f"op.safe_create_unique('u{i}', 't', ['u{i}'])"
        if safe
        else f"op.create_unique_constraint('u{i}', 't', ['u{i}'])"
    )
    revision = (f"op.drop_constraint('u{i}', 't')", again)
    writes = f"UPDATE t SET u{i} = 77 WHERE id <= {count + 1}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.DUPLICATES, f"t.u{i}", count)


def _check(i: int, count: int, *, safe: bool) -> Link:
    again = (
        f"op.safe_create_check(op.f('k{i}'), 't', 'k{i} > 0')"
        if safe
        else f"op.create_check_constraint(op.f('k{i}'), 't', 'k{i} > 0')"
    )
    revision = (f"op.drop_constraint('k{i}', 't')", again)
    writes = f"UPDATE t SET k{i} = -1 WHERE id <= {count}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.BROKEN_CHECK, "t.", count)


def _null(i: int, count: int, *, safe: bool) -> Link:
    again = (
        f"op.safe_set_not_null('t', 'r{i}')"
        if safe
        else f"op.alter_column('t', 'r{i}', nullable=False)"
    )
    revision = (f"op.alter_column('t', 'r{i}', nullable=True)", again)
    writes = f"UPDATE t SET r{i} = NULL WHERE id <= {count}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.NULLS, f"t.r{i}", count)


def _wider(i: int, count: int, *, safe: bool) -> Link:
    if safe:
        alter = f"ALTER TABLE t ALTER x{i} TYPE"
        revision = _sql(f"{alter} text", f"{alter} varchar(4) USING left(x{i}, 4)")
        value, name = "'much too long'", f"x{i}"
    else:
        revision = (
            f"op.alter_column('t', 'w{i}', type_=sa.BigInteger())",
            f"op.alter_column('t', 'w{i}', type_=sa.Integer())",
        )
        value, name = "3000000000", f"w{i}"
    writes = f"UPDATE t SET {name} = {value} WHERE id <= {count}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.VALUES_DO_NOT_FIT, f"t.{name}", count)


def _enum(i: int, count: int, *, safe: bool) -> Link:
    revision = (f"op.safe_add_enum_value('m{i}', 'two')", "pass")
    writes = f"UPDATE t SET e{i} = 'two' WHERE id <= {count}"  # noqa: S608 - a test's
    return _link(revision, writes, RiskKind.ENUM_VALUE_IN_USE, f"t.e{i}", count)


def _dropped(i: int, _count: int, *, safe: bool) -> Link:
    revision = (
        f"op.drop_column('t', 'd{i}')",
        f"op.add_column('t', sa.Column('d{i}', sa.Integer()))",
    )
    loses = (RiskKind.COMES_BACK_EMPTY, f"t.d{i}", ROWS)
    return Link(revision, "SELECT 1", loses, f"d{i}")


_MAKERS: Final[Sequence[Callable[..., Link]]] = (
    *(_column, _table, _index, _unique, _check, _null, _wider, _enum, _dropped),
)
_WISHES = st.tuples(
    st.sampled_from(_MAKERS), st.sampled_from([0, 0, 1, 4]), st.booleans()
)
CHAINS: Final = st.lists(_WISHES, min_size=1, max_size=LONGEST).map(
    lambda wishes: [
        maker(i, count, safe=safe) for i, (maker, count, safe) in enumerate(wishes)
    ]
)


def seen(links: Sequence[Link]) -> Mapping[str, str]:
    """The queries of all rows that a way down and up has to leave as they were."""
    forgotten = {link.forgets for link in links}
    columns = [
        f"{kind}{i}::text"
        for i in range(LONGEST)
        for kind in "ukrwxde"
        if f"{kind}{i}" not in forgotten
    ]
    queries = {"t": f"SELECT id, {', '.join(columns)} FROM t ORDER BY id"}  # noqa: S608 - a test's
    for link in links:
        if link.loses is None:
            continue
        table, _, column = link.loses[1].partition(".")
        if link.loses[0] is RiskKind.VALUES_GO:
            queries[column] = f"SELECT id, {column} FROM t ORDER BY id"  # noqa: S608 - as above
        elif link.loses[0] is RiskKind.ROWS_GO:
            queries[table] = f"SELECT id FROM {table} ORDER BY id"  # noqa: S608 - as above
    return queries
