import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.journal import RUNS, Event, EventKind, merge
from app.backend.deploy.records.journal_file import FileJournal
from app.backend.deploy.records.run_state import RunState, runs_of
from app.backend.deploy.records.trimming import kept_runs, older_file
from tests.support.events import event, story
from tests.support.journal_writer import OPEN

SMALL = 20_000
STORY = sum(len(str(one.to_dict())) for one in story())


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    return FileJournal(tmp_path / "production.jsonl", full=SMALL)


async def fill(journal: FileJournal, *numbers: int) -> None:
    for number in numbers:
        await journal.append(*story(f"run-{number}", number))


def ended(run: str, outcome: Ending) -> RunState:
    return RunState(run=run, begun=True, ended=True, outcome=outcome)


async def test_a_file_does_not_grow_for_ever_and_what_is_newest_is_read(
    journal: FileJournal,
) -> None:
    await fill(journal, *range(1, 101))
    sizes = [path.stat().st_size for path in journal.path.parent.iterdir()]
    assert len(sizes) == 2
    assert all(size < SMALL + 2 * STORY for size in sizes)
    runs = runs_of(await journal.events())
    assert [one.run for one in runs] == [f"run-{100 - i}" for i in range(len(runs))]
    assert len(runs) * STORY > SMALL / 2
    assert await journal.events("run-100") == story("run-100", 100)


async def test_a_run_that_has_not_ended_stays_however_old_it_is(
    journal: FileJournal,
) -> None:
    first = event(EventKind.BEGIN, "run", run=OPEN)
    await journal.append(first)
    await fill(journal, *range(1, 101))
    assert await journal.events(OPEN) == (first,)
    last = event(EventKind.END, "run", run=OPEN, at=200_000, epoch=101)
    await journal.append(last)
    assert await journal.events(OPEN) == (first, last)


async def test_both_files_are_for_us_alone(journal: FileJournal) -> None:
    await fill(journal, *range(1, 101))
    for path in (journal.path, older_file(journal.path)):
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_looked_back_upon_and_last_known_good_stay() -> None:
    bad = [ended(f"bad-{number}", Ending.FAILED) for number in range(2 * RUNS)]
    good = [ended("good", Ending.DONE), ended("older", Ending.DONE)]
    runs = [*bad, *good]
    sizes = dict.fromkeys((one.run for one in runs), 10)
    newest = {one.run for one in bad[:RUNS]}
    assert kept_runs(runs, sizes, 10_000) == newest | {"good"}
    assert kept_runs(runs, sizes, 25) == {"bad-0", "bad-1", "bad-2", "good"}
    # However long its evidence is, the newest one says what is shunned.
    assert kept_runs(runs, sizes | {"bad-0": 99}, 25) == {"bad-0", "good"}


async def test_what_a_later_release_has_written_of_a_run_goes_with_that_run(
    journal: FileJournal,
) -> None:
    await fill(journal, *range(1, 20))
    line = b'{"run": "run-19", "kind": "of a later release"}\n'
    with journal.path.open("ab") as file:
        file.write(line)
    full = FileJournal(journal.path, full=1)
    await full.append(event(EventKind.NOTE, run="run-19", at=19_500, epoch=19))
    assert older_file(journal.path).exists()
    assert line in journal.path.read_bytes()


@pytest.mark.parametrize("draft", [b"", b'{"run": "run-1"'])
async def test_a_trimming_that_was_cut_off_is_made_again(
    journal: FileJournal, draft: bytes
) -> None:
    """After the draft, and after the older file has got its name."""
    await fill(journal, *range(1, 10))
    known = await journal.events()
    older = older_file(journal.path)
    for name in (f"{journal.path.name}.draft", f"{older.name}.draft"):
        journal.path.with_name(name).write_bytes(draft)
    older.hardlink_to(journal.path)
    assert await journal.events() == known
    await fill(FileJournal(journal.path, full=1), 10)
    assert await journal.events() == merge(known, story("run-10", 10))
    assert not older.samefile(journal.path)
    assert set(journal.path.parent.iterdir()) == {journal.path, older}


async def test_what_cannot_be_trimmed_is_written_all_the_same(
    journal: FileJournal,
) -> None:
    older_file(journal.path).mkdir()
    (older_file(journal.path) / "in the way").touch()
    await fill(journal, *range(1, 30))
    assert journal.path.stat().st_size > SMALL
    assert b"run-29" in journal.path.read_bytes()


async def test_many_writers_and_readers_lose_nothing_of_the_newest_runs(
    journal: FileJournal,
) -> None:
    open_ = event(EventKind.BEGIN, "run", run=OPEN)
    await journal.append(open_)
    told: list[Event] = []

    async def write(number: int) -> None:
        note = event(EventKind.NOTE, run=OPEN, at=number, text="x" * 300)
        await FileJournal(journal.path, full=SMALL, lock_wait=60).append(note)
        told.append(note)

    async def read() -> None:
        before = merge([open_], told)
        found = await FileJournal(journal.path, lock_wait=60).events(OPEN)
        assert not {one.key for one in before} - {one.key for one in found}

    async with asyncio.TaskGroup() as tasks:
        for number in range(1, 201):
            tasks.create_task(write(number))
            if number % 10 == 0:
                tasks.create_task(read())
    assert await journal.events(OPEN) == merge([open_], told)


def test_a_writer_that_is_killed_has_lost_nothing_that_has_to_stay(
    tmp_path: Path,
) -> None:
    for number in range(6):
        path = tmp_path / f"{number}.jsonl"
        # Never at the same place: each time other lines are behind the last cut.
        last = killed_after(path, 12 + 3 * number)
        journal = FileJournal(path)
        (begin,) = asyncio.run(journal.events(OPEN))
        assert begin.kind is EventKind.BEGIN
        newest = asyncio.run(journal.events(f"run-{last}"))
        assert newest == story(f"run-{last}", last)


def killed_after(path: Path, runs: int) -> int:
    """Kills a writer after so many runs or some more; returns the last one."""
    words = ("-m", "tests.support.journal_writer", str(path), str(SMALL // 4))
    writer = subprocess.Popen(
        (sys.executable, *words), stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        for _ in range(runs):
            writer.stdout.readline()
    finally:
        writer.kill()
        rest = writer.communicate()[0]
    return int((str(runs), *rest.split())[-1])
