"""Whether there is a way back from a revision, and what it would cost. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.backend.migrations.changes import Change, ChangeKind

__all__ = ["Reversibility", "WayBack", "way_back_of", "way_back_of_change"]


class Reversibility(StrEnum):
    """What a downgrade can bring back, the best first.

    ``reversible``: schema and rows, at any time. ``reversible-until-written``: all of
    it, until somebody has written what only the new schema can hold. ``lossy``: the
    schema, while rows or values are gone from the moment of the upgrade.
    ``irreversible``: not even the schema.
    """

    REVERSIBLE = "reversible"
    UNTIL_WRITTEN = "reversible-until-written"
    LOSSY = "lossy"
    IRREVERSIBLE = "irreversible"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return tuple(Reversibility).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A class and its reason.

    Attributes:
        why: in a few words; empty where nothing has to be said.
    """

    kind: Reversibility
    why: str = ""


_K = ChangeKind
_R = Reversibility
_WORTH: Final[Mapping[ChangeKind, tuple[Reversibility, str]]] = {
    _K.TABLE_CREATED: (_R.UNTIL_WRITTEN, "its rows go with {0}"),
    _K.TABLE_DROPPED: (_R.LOSSY, "the rows of {0} are gone"),
    _K.TABLE_RENAMED: (_R.REVERSIBLE, ""),
    _K.TABLE_EMPTIED: (_R.LOSSY, "the rows of {0} are gone"),
    _K.COLUMN_ADDED: (_R.UNTIL_WRITTEN, "its values go with {0}"),
    _K.COLUMN_DROPPED: (_R.LOSSY, "the values of {0} are gone"),
    _K.COLUMN_RENAMED: (_R.REVERSIBLE, ""),
    _K.REQUIRED: (_R.REVERSIBLE, ""),
    _K.NO_LONGER_REQUIRED: (_R.UNTIL_WRITTEN, "{0} may hold NULL by then"),
    _K.DEFAULT_CHANGED: (_R.REVERSIBLE, ""),
    _K.CONSTRAINT_ADDED: (_R.REVERSIBLE, ""),
    _K.CONSTRAINT_VALIDATED: (_R.REVERSIBLE, ""),
    _K.CONSTRAINT_DROPPED: (_R.UNTIL_WRITTEN, "rows may break {0} by then"),
    _K.INDEX_CREATED: (_R.REVERSIBLE, ""),
    _K.INDEX_DROPPED: (_R.REVERSIBLE, ""),
    _K.UNIQUE_INDEX_DROPPED: (_R.UNTIL_WRITTEN, "rows may break {0} by then"),
    _K.ENUM_VALUE_ADDED: (_R.IRREVERSIBLE, "an enum keeps its values"),
    _K.ROWS_INSERTED: (_R.UNTIL_WRITTEN, "rows of {0} may be in use by then"),
    _K.ROWS_CHANGED: (_R.LOSSY, "the former values of {0} are gone"),
    _K.ROWS_DELETED: (_R.LOSSY, "the rows of {0} are gone"),
    _K.ROWS_FILLED: (_R.UNTIL_WRITTEN, "what was filled in stays"),
    _K.OTHER: (_R.REVERSIBLE, ""),
    _K.UNKNOWN: (_R.LOSSY, "what it does to rows cannot be told without running it"),
}

# Each type, and those that hold each of its values; PostgreSQL casts them back and
# forth without a loss as long as the values are the old type's.
_WIDER: Final[Mapping[str, frozenset[str]]] = {
    "smallint": frozenset({"integer", "bigint", "numeric"}),
    "integer": frozenset({"bigint", "numeric"}),
    "bigint": frozenset({"numeric"}),
    "real": frozenset({"double precision"}),
    "json": frozenset({"text", "character varying"}),
    "uuid": frozenset({"text", "character varying"}),
    "date": frozenset(
        {"timestamp without time zone", "timestamp with time zone", "text"}
    ),
    "timestamp without time zone": frozenset({"timestamp with time zone"}),
    "timestamp with time zone": frozenset({"timestamp without time zone"}),
    "character varying": frozenset({"text", "character varying"}),
    "text": frozenset({"character varying"}),
    "numeric": frozenset({"numeric"}),
    "boolean": frozenset({"text", "character varying", "integer"}),
}
_TYPE = re.compile(r"(?P<base>[^(]+?)\s*(?:\((?P<size>\d+)(?:,(?P<scale>-?\d+))?\))?")


def way_back_of_change(change: Change) -> WayBack:
    """What one change is worth."""
    where = ".".join(part for part in (change.table, change.name) if part)
    if change.kind is ChangeKind.COLUMN_RETYPED:
        old, _, new = change.detail.partition(" -> ")
        if _holds_all(new, old):
            return WayBack(
                kind=Reversibility.UNTIL_WRITTEN,
                why=f"{where} may hold by then what {old} cannot",
            )
        return WayBack(
            kind=Reversibility.LOSSY,
            why=f"{where}: {new or 'the new type'} may not hold every former value",
        )
    kind, why = _WORTH[change.kind]
    return WayBack(kind=kind, why=why.format(where or "it"))


def way_back_of(
    changes: Iterable[Change], *, down: bool, nothing: bool = False
) -> WayBack:
    """What a revision is worth: its worst change, if it has a downgrade at all.

    Rows of a table, and values of a column, that the same revision has added go when
    that goes.

    Args:
        changes: all of its upgrade.
        down: whether its downgrade does anything.
        nothing: the upgrade does nothing, so that none is needed.
    """
    if nothing:
        return WayBack(kind=Reversibility.REVERSIBLE)
    if not down:
        return WayBack(kind=Reversibility.IRREVERSIBLE, why="it has no downgrade")
    changes = tuple(changes)
    judged = [
        way_back_of_change(one)
        for one in changes
        if one.kind in _ADDING or not _is_new(one, changes)
    ]
    return max(
        judged,
        key=lambda one: one.kind.rank,
        default=WayBack(kind=Reversibility.REVERSIBLE),
    )


_ADDING: Final = frozenset({ChangeKind.TABLE_CREATED, ChangeKind.COLUMN_ADDED})


def _is_new(change: Change, changes: Iterable[Change]) -> bool:
    """Whether it happens to a table or a column that the same revision has added."""
    return any(
        one.kind is ChangeKind.TABLE_CREATED
        or (one.kind is ChangeKind.COLUMN_ADDED and one.name == change.name)
        for one in changes
        if one.table == change.table and one.table
    )


def _holds_all(new: str, old: str) -> bool:
    """Whether the new type holds every value of the old one."""
    before, after = _TYPE.fullmatch(old.strip()), _TYPE.fullmatch(new.strip())
    if before is None or after is None:
        return False
    if before["base"] != after["base"]:
        wider = after["base"] in _WIDER.get(before["base"], ())
        return wider and _fits(after, before)
    return _fits(after, before)


def _fits(after: re.Match[str], before: re.Match[str]) -> bool:
    if after["size"] is None:
        return True
    if before["size"] is None or int(after["size"]) < int(before["size"]):
        return False
    scale, former = int(after["scale"] or 0), int(before["scale"] or 0)
    digits = int(after["size"]) - scale >= int(before["size"]) - former
    return scale >= former and digits
