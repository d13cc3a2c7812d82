"""What a scratch database holds while revisions are tried on it, and what changes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.backend.migrations.analysis.catalogue import (
    TABLES,
    Relation,
    changes_between,
    lock_named,
    read_relation,
)
from app.backend.migrations.analysis.traced import TableLock
from app.backend.migrations.changes import Change, ChangeKind
from app.backend.migrations.statements import Lock

__all__ = ["Ledger", "Seen", "by_strength"]

# A table is rewritten for the sake of these.
_OF_ROWS: Final = frozenset({ChangeKind.COLUMN_ADDED, ChangeKind.COLUMN_RETYPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at the catalogue has brought.

    Attributes:
        locks: the strongest on each table that was there before the revision.
        added_keys: table and constraint, by oid, of each new foreign key.
    """

    locks: Mapping[str, Lock]
    scanned: tuple[str, ...]
    rewritten: tuple[str, ...]
    changes: tuple[Change, ...]
    added_keys: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Ledger:
    """Every relation, as it was last seen; what the revision has made is its own."""

    _known: dict[int, Relation] = field(default_factory=dict)
    _born: set[int] = field(default_factory=set)
    _enums: dict[str, int] = field(default_factory=dict)

    def begin(self, relations: str, enums: str) -> None:
        """Takes all that is there; both are JSON as the catalogue's queries give it."""
        found = [read_relation(body) for _, _, body in json.loads(relations)]
        self._known = {one.oid: one for one in found}
        self._enums = json.loads(enums)
        self._born.clear()

    def begin_revision(self) -> None:
        """What is there now was there before."""
        self._born.clear()

    def look(
        self,
        relations: str,
        enums: str,
        *,
        scans: Mapping[str, int],
        seen_locks: Mapping[int, Lock] | None = None,
        emptied: bool | None = False,
    ) -> Seen:
        """What a statement has changed since the last look.

        Args:
            relations: what it locks, or all relations; JSON.
            enums: the enums' sizes; JSON.
            scans: how often each table had been read by the transaction before it.
            seen_locks: its locks, where they were seen from the side; then
                ``relations`` are all there are.
            emptied: whether a new file means an empty table; None: it may.
        """
        rows: list[tuple[int, list[str] | None, dict[str, Any] | None]]
        rows = json.loads(relations)
        after = {oid: read_relation(body) if body else None for oid, _, body in rows}
        if seen_locks is not None:
            after |= dict.fromkeys(self._known.keys() - after.keys())
            modes = dict(seen_locks)
        else:
            modes = {
                oid: _strongest(map(lock_named, names or ())) for oid, names, _ in rows
            }
        seen = self._compare(after, modes, scans, emptied=emptied)
        grown = self._grown_enums(json.loads(enums))
        for oid, relation in after.items():
            if relation is None:
                self._known.pop(oid, None)
            else:
                self._known[oid] = relation
        return Seen(
            locks=seen.locks,
            scanned=seen.scanned,
            rewritten=seen.rewritten,
            changes=(*seen.changes, *grown),
            added_keys=seen.added_keys,
        )

    def is_new(self, table: str) -> bool:
        """Whether the revision itself has made this table."""
        relations = (self._known.get(oid) for oid in self._born)
        return any(one is not None and one.name == table for one in relations)

    def lacks_index(self, table: int, constraint: int) -> str | None:
        """Names the foreign key if no valid index begins with its columns."""
        relation = self._known.get(table)
        key = relation.constraints.get(constraint) if relation else None
        if relation is None or key is None:
            return None
        wanted = set(key.columns)
        for index in relation.indexes.values():
            if index.valid and set(index.columns[: len(wanted)]) == wanted:
                return None
        return key.name

    def _compare(
        self,
        after: Mapping[int, Relation | None],
        modes: Mapping[int, Lock],
        scans: Mapping[str, int],
        *,
        emptied: bool | None,
    ) -> Seen:
        scanned: list[str] = []
        rewritten: list[str] = []
        changes: list[Change] = []
        keys: list[tuple[int, int]] = []
        for oid, new in after.items():
            old = self._known.get(oid)
            if old is None and new is not None:
                self._born.add(oid)
            keys += [(oid, one) for one in _new_keys(old, new)]
            if oid in self._born and old is not None:
                continue
            changed = tuple(changes_between(old, new))
            changes += changed
            if old is None or new is None or old.kind not in TABLES:
                continue
            if new.scans > scans.get(str(oid), 0) and not emptied:
                scanned.append(old.name)
            if old.file == new.file:
                continue
            if not emptied:
                rewritten.append(old.name)
            # Of dynamic SQL, TRUNCATE cannot be told from a rewrite without reason.
            if emptied or (
                emptied is None and not _OF_ROWS & {c.kind for c in changed}
            ):
                changes.append(Change(kind=ChangeKind.TABLE_EMPTIED, table=old.name))
        return Seen(
            locks=self._locks(modes),
            scanned=tuple(scanned),
            rewritten=tuple(rewritten),
            changes=tuple(changes),
            added_keys=tuple(keys),
        )

    def _locks(self, modes: Mapping[int, Lock]) -> dict[str, Lock]:
        found: dict[str, Lock] = {}
        for oid, lock in modes.items():
            relation = self._known.get(oid)
            if relation is None or oid in self._born:
                continue
            if relation.kind == "S" and not lock.blocks_writes:
                continue  # nextval, which nobody waits for
            table = self._known.get(relation.owner or oid, relation)
            if table.oid in self._born:
                continue
            before = found.get(table.name, Lock.ACCESS_SHARE)
            if lock.strength > before.strength:
                found[table.name] = lock
        return found

    def _grown_enums(self, enums: dict[str, int]) -> list[Change]:
        grown = [oid for oid, size in self._enums.items() if enums.get(oid, 0) > size]
        self._enums = enums
        return [Change(kind=ChangeKind.ENUM_VALUE_ADDED) for _ in grown]


def by_strength(locks: Mapping[str, Lock]) -> tuple[TableLock, ...]:
    """The strongest first."""
    found = (TableLock(table, lock) for table, lock in locks.items())
    return tuple(sorted(found, key=lambda one: (-one.lock.strength, one.table)))


def _new_keys(old: Relation | None, new: Relation | None) -> list[int]:
    if new is None:
        return []
    before = {one.name for one in old.constraints.values()} if old else set()
    return [
        oid
        for oid, one in new.constraints.items()
        if one.kind == "foreign key" and one.name not in before
    ]


def _strongest(locks: Iterable[Lock]) -> Lock:
    return max(locks, key=lambda one: one.strength, default=Lock.NONE)
