import asyncio
import fcntl
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.backend.deploy.records.journal import Event, EventKind, merge
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.errors import JournalError
from tests.support.events import event, events, story


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    return FileJournal(journal_path(tmp_path, "production"))


async def test_what_was_appended_is_read_by_whoever_opens_the_file(
    journal: FileJournal,
) -> None:
    await journal.append(*story())

    assert await FileJournal(journal.path).events() == story()
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_journal_that_is_not_there_is_empty(journal: FileJournal) -> None:
    assert await journal.events() == ()
    assert not journal.path.parent.exists()


async def test_one_run_is_read_alone(journal: FileJournal) -> None:
    await journal.append(*story("run-1", 1), *story("run-2", 2))
    assert await journal.events("run-2") == story("run-2", 2)


async def test_an_event_that_is_written_twice_is_there_once(
    journal: FileJournal,
) -> None:
    for _ in range(2):
        await journal.append(*story())
    assert await journal.events() == story()


# Each example has a file of its own, named by what was drawn before.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    before=st.lists(events, max_size=4), torn=events, after=events, cut=st.integers(0)
)
def test_a_line_torn_anywhere_costs_no_other_event(
    tmp_path: Path, before: list[Event], torn: Event, after: Event, cut: int
) -> None:
    path = tmp_path / "torn.jsonl"
    path.unlink(missing_ok=True)
    line = json.dumps(torn.to_dict())
    piece = line[: cut % (len(line) + 1)]

    async def tear_and_go_on() -> None:
        journal = FileJournal(path)
        await journal.append(*before)
        with path.open("a", encoding="ascii") as file:
            file.write(piece)
        whole = [torn] if piece == line else []
        assert await journal.events() == merge(before, whole)
        lost = bool(piece) and not whole
        assert len(journal.damaged) == lost

        await journal.append(after)
        assert await journal.events() == merge(before, whole, [after])
        assert len(journal.damaged) == lost
        assert piece in path.read_text(encoding="ascii")

    asyncio.run(tear_and_go_on())


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[]", b"null", b"{}", b'{"run": 1}', b"[" * 100_000],
    ids=lambda line: line[:8].decode("latin-1"),
)
async def test_a_damaged_line_is_counted_and_passed_over(
    journal: FileJournal, line: bytes
) -> None:
    first, *rest = story()
    await journal.append(first)
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    await journal.append(*rest)

    assert await journal.events() == story()
    assert journal.damaged == (2,)


async def test_many_writers_at_once_lose_nothing(journal: FileJournal) -> None:
    told = [event(EventKind.NOTE, at=second) for second in range(40)]
    others = [FileJournal(journal.path) for _ in told]
    await asyncio.gather(
        *(one.append(note) for one, note in zip(others, told, strict=True))
    )
    assert await journal.events() == tuple(told)


async def test_a_file_that_stays_locked_is_given_up_in_time(
    journal: FileJournal,
) -> None:
    await journal.append(*story())
    holder = os.open(journal.path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        hasty = FileJournal(journal.path, lock_wait=0.1)
        with pytest.raises(JournalError, match="another process"):
            await hasty.append(event(EventKind.NOTE, at=99))
    finally:
        os.close(holder)
    assert await journal.events() == story()


async def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal").write_text("in the way")
    journal = FileJournal(journal_path(tmp_path, "production"))
    with pytest.raises(JournalError) as caught:
        await journal.append(*story())
    assert "PM33_HOME" in caught.value.remedy
