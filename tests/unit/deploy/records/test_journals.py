import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.records.journal import (
    RUNS,
    Event,
    EventKind,
    Journal,
    merge,
)
from app.backend.deploy.records.journal_file import FileJournal
from app.backend.deploy.records.journals import RETRY, Journals, Reconciled
from app.backend.deploy.records.run_state import runs_of
from app.errors import JournalError, LeaseLostError
from tests.support.events import event, story


class Rows(Journal):
    """Rows in memory, which go away when told to."""

    def __init__(self) -> None:
        self.kept: tuple[Event, ...] = ()
        self.error: Exception | None = None
        self.calls = 0
        self.most: int | None = None

    @override
    async def append(self, *events: Event) -> None:
        self._call()
        self.kept = merge(self.kept, events)

    @override
    async def events(
        self, run: str | None = None, *, runs: int = RUNS
    ) -> tuple[Event, ...]:
        self._call()
        newest = [one.run for one in runs_of(self.kept)][: self.most or runs]
        wanted = set(newest) if run is None else {run}
        return tuple(one for one in self.kept if one.run in wanted)

    def _call(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


AWAY = JournalError("the state database cannot be used", remedy="see whether it runs")
NOTE = event(EventKind.NOTE, at=99)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def file(tmp_path: Path) -> FileJournal:
    return FileJournal(tmp_path / "production.jsonl")


def standing(seconds: float = 0.0) -> Callable[[], float]:
    return lambda: seconds


async def test_events_go_to_both_sides(file: FileJournal, rows: Rows) -> None:
    journals = Journals(file, rows)
    await journals.append(*story())

    assert await file.events() == rows.kept == await journals.events() == story()
    assert [run.run for run in await journals.runs()] == ["run-1"]
    assert journals.degraded is None


async def test_the_file_alone_is_enough(file: FileJournal) -> None:
    journals = Journals(file)
    await journals.append(*story())

    state = await journals.state("run-1")
    assert state is not None
    assert state.ended
    assert await journals.state("run-9") is None
    assert await journals.reconcile() == Reconciled(0, 0)


async def test_rows_that_fail_are_given_up_once_and_not_asked_at_every_step(
    file: FileJournal, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    rows.error = AWAY
    journals = Journals(file, rows, clock=standing())
    for one in story():
        await journals.append(one)

    assert journals.degraded is AWAY
    assert rows.calls == 1
    assert [record.message for record in caplog.records] == [
        "the journal goes on in its file alone: the state database cannot be used"
    ]
    assert await journals.events() == story()


async def test_rows_that_come_back_get_what_they_missed(
    file: FileJournal, rows: Rows
) -> None:
    now = [0.0]
    rows.error = AWAY
    journals = Journals(file, rows, clock=lambda: now[0])
    await journals.append(*story())
    rows.error = None

    await journals.append(NOTE)
    assert rows.kept == ()
    now[0] = RETRY
    await journals.append(event(EventKind.NOTE, at=100))

    assert journals.degraded is None
    assert rows.kept == await file.events()
    assert len(rows.kept) == len(story()) + 2


async def test_each_side_gets_what_only_the_other_one_has(
    file: FileJournal, rows: Rows
) -> None:
    await file.append(*story("run-1", 1))
    await rows.append(*story("run-2", 2)[:4])
    journals = Journals(file, rows)

    assert await journals.reconcile() == Reconciled(to_file=4, to_rows=9)

    assert await file.events() == rows.kept == await journals.events()
    assert await journals.reconcile() == Reconciled(0, 0)


async def test_reconciling_without_the_rows_leaves_the_file_as_it_is(
    file: FileJournal, rows: Rows
) -> None:
    await file.append(*story())
    rows.error = AWAY

    assert await Journals(file, rows).reconcile() == Reconciled(0, 0)
    assert await file.events() == story()


async def test_a_lost_lease_is_no_outage(file: FileJournal, rows: Rows) -> None:
    rows.error = LeaseLostError("somebody else has taken over")
    journals = Journals(file, rows)

    with pytest.raises(LeaseLostError):
        await journals.append(NOTE)
    assert journals.degraded is None


@pytest.fixture
def no_file(tmp_path: Path) -> FileJournal:
    (tmp_path / "journal").write_text("in the way")
    return FileJournal(tmp_path / "journal" / "x.jsonl")


async def test_a_file_that_cannot_be_written_leaves_the_rows(
    no_file: FileJournal, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    journals = Journals(no_file, rows)
    for one in story():
        await journals.append(one)

    assert rows.kept == await journals.events() == story()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_file_that_somebody_keeps_locked_is_tried_again_after_a_while(
    file: FileJournal, rows: Rows
) -> None:
    seconds = 0.0
    await file.append(NOTE)
    impatient = FileJournal(file.path, lock_wait=0.0)
    journals = Journals(impatient, rows, clock=lambda: seconds)
    with file.path.open("a", encoding="ascii") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        await journals.append(event(EventKind.NOTE, at=100))
    await journals.append(event(EventKind.NOTE, at=101))
    assert await file.events() == (NOTE,)
    assert len(rows.kept) == 2

    seconds = RETRY
    await journals.append(event(EventKind.NOTE, at=102))
    assert len(await file.events()) == 2
    assert await journals.reconcile() == Reconciled(to_file=2, to_rows=1)


async def test_it_is_an_error_when_neither_side_keeps_an_event(
    no_file: FileJournal, rows: Rows
) -> None:
    with pytest.raises(JournalError, match="written"):
        await Journals(no_file).append(NOTE)
    rows.error = AWAY
    journals = Journals(no_file, rows)
    with pytest.raises(JournalError, match="written"):
        await journals.append(NOTE)
    with pytest.raises(JournalError, match="read"):
        await journals.events()


async def test_rows_that_were_given_up_are_tried_when_the_file_fails_as_well(
    file: FileJournal, rows: Rows
) -> None:
    rows.error = AWAY
    journals = Journals(file, rows, clock=standing())
    await journals.append(NOTE)
    rows.error = None
    file.path.unlink()
    file.path.mkdir()

    await journals.append(event(EventKind.NOTE, at=100))
    assert len(rows.kept) == 1


async def test_what_both_sides_have_costs_nothing_however_much_it_is(
    file: FileJournal, rows: Rows
) -> None:
    """Rows tell the newest runs alone; the others are not there to be seen."""
    every = merge(*(story(f"run-{number}", number) for number in range(1, 121)))
    await file.append(*every)
    await rows.append(*every)
    rows.most = RUNS
    journals = Journals(file, rows)
    rows.calls = 0

    assert await journals.reconcile() == Reconciled(0, 0)
    assert rows.calls == 2


async def test_rows_that_come_back_get_the_runs_that_they_missed_alone(
    file: FileJournal, rows: Rows
) -> None:
    now = [0.0]
    old = merge(*(story(f"run-{number}", number) for number in range(1, 121)))
    await file.append(*old)
    rows.error = AWAY
    journals = Journals(file, rows, clock=lambda: now[0])
    await journals.append(*story("run-121", 121))
    rows.error = None
    now[0] = RETRY
    rows.calls = 0
    await journals.append(event(EventKind.NOTE, run="run-121", epoch=121, at=99))

    assert {one.run for one in rows.kept} == {"run-121"}
    assert rows.calls == 2


async def test_who_asks_for_many_runs_gets_them_from_the_rows_too(
    file: FileJournal, rows: Rows
) -> None:
    for number in range(RUNS + 10):
        await rows.append(*story(f"run-{number}", number))
    journals = Journals(file, rows)
    assert len(await journals.runs(RUNS + 5)) == RUNS + 5
    assert len(await journals.runs(5)) == 5
