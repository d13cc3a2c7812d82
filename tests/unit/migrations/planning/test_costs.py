import itertools

import pytest

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.planning.costs import (
    Blocker,
    CachedPlans,
    Duration,
    Size,
    cached_plans_of,
    conflicts,
    duration_of,
)
from app.backend.migrations.planning.survey import Sessions
from app.backend.migrations.statements import Lock


def test_locks_conflict_both_ways_and_as_their_properties_say() -> None:
    for one, other in itertools.product(Lock, Lock):
        assert conflicts(one, other) == conflicts(other, one), (one, other)
    for lock in Lock:
        assert conflicts(lock, Lock.ROW_EXCLUSIVE) is lock.blocks_writes
        assert conflicts(lock, Lock.ACCESS_SHARE) is lock.blocks_reads
    assert not conflicts(Lock.SHARE, Lock.SHARE)
    assert conflicts(Lock.SHARE_UPDATE_EXCLUSIVE, Lock.SHARE_UPDATE_EXCLUSIVE)


@pytest.mark.parametrize(
    ("work", "size", "duration"),
    [
        (Work.NONE, None, "instant"),
        (Work.SCAN, None, "unknown"),
        (Work.UNKNOWN, 1, "unknown"),
        (Work.SCAN, 200_000_000, "seconds"),
        (Work.SCAN, 20_000_000, "instant"),
        (Work.REWRITE, 200_000_000, "seconds"),
        (Work.REWRITE, 2_000_000_000, "minutes"),
        (Work.ROWS, 200_000_000, "minutes"),
        (Work.BUILD, 1_000_000_000_000, "hours"),
    ],
)
def test_a_duration_is_an_order_of_magnitude(
    work: Work, size: int | None, duration: str
) -> None:
    table = None if size is None else Size(bytes=size, rows=None)
    assert duration_of(work, table) is Duration(duration)


@pytest.mark.parametrize(
    ("kind", "plans"),
    [
        (ChangeKind.INDEX_CREATED, CachedPlans.KEPT),
        (ChangeKind.COLUMN_ADDED, CachedPlans.STARS),
        (ChangeKind.COLUMN_DROPPED, CachedPlans.STARS),
        (ChangeKind.COLUMN_RETYPED, CachedPlans.ALL),
    ],
)
def test_prepared_statements_fail_when_their_result_changes(
    kind: ChangeKind, plans: CachedPlans
) -> None:
    assert cached_plans_of([Change(kind=kind)]) is plans


def holder(pid: int, table: str, lock: Lock, seconds: float = 1) -> Blocker:
    return Blocker(
        pid=pid, application="", state="", table=table, lock=lock, seconds=seconds
    )


SESSIONS = Sessions(
    [
        holder(1, "t", Lock.ACCESS_SHARE, 5),
        holder(2, "t", Lock.ROW_EXCLUSIVE, 9),
        holder(3, "u", Lock.ROW_EXCLUSIVE),
    ],
    [holder(4, "", Lock.ACCESS_SHARE, 99)],
)


@pytest.mark.parametrize(
    ("lock", "waits", "pids"),
    [
        (Lock.NONE, False, []),
        (Lock.ROW_SHARE, False, []),
        (Lock.SHARE, False, [2]),
        (Lock.ACCESS_EXCLUSIVE, False, [2, 1]),
        (Lock.SHARE_UPDATE_EXCLUSIVE, False, []),
        (Lock.SHARE_UPDATE_EXCLUSIVE, True, [4, 2]),
    ],
)
def test_whoever_has_a_conflicting_lock_is_in_the_way_the_oldest_first(
    lock: Lock, pids: list[int], *, waits: bool
) -> None:
    found = SESSIONS.blocking([("t", lock)], waits=waits)
    assert [one.pid for one in found] == pids
