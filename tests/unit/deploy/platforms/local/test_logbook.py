"""What a deployment has written."""

import asyncio
from pathlib import Path

from app.backend.deploy.platforms.local.logbook import Logbook


def texts(logbook: Logbook, limit: int = 100) -> list[str]:
    return [line.text for line in logbook.tail(limit)]


def test_the_newest_lines_come_the_oldest_of_them_first(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "log.jsonl")

    logbook.write("one", "a\nb")
    logbook.write("two", "c")

    assert texts(logbook, 2) == ["b", "c"]
    assert [line.replica for line in logbook.tail(3)] == ["one", "one", "two"]
    assert (tmp_path / "log.jsonl").stat().st_mode & 0o777 == 0o600


def test_every_line_is_cleaned_before_it_is_kept(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "log.jsonl", lambda text: text.replace("pw", "***"))

    logbook.write("one", "the pw is pw")

    assert "pw" not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")


def test_a_line_torn_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "log.jsonl")
    logbook.write("one", "whole")
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026\n')
    logbook.write("one", "after")

    assert texts(logbook) == ["whole", "after"]


def test_a_full_log_begins_anew_and_the_half_before_stays(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "log.jsonl")
    for number in range(600):
        logbook.write(str(number), "x" * 16_000)

    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 9_000_000
    assert [line.replica for line in logbook.tail(3)] == ["597", "598", "599"]


async def test_following_ends_when_the_writer_has(tmp_path: Path) -> None:
    logbook, over = Logbook(tmp_path / "log.jsonl"), asyncio.Event()
    logbook.write("one", "before")
    seen = []
    async with asyncio.timeout(10):
        async for line in logbook.read(10, follow=True, ended=over.is_set):
            seen.append(line.text)
            if line.text == "before":
                logbook.write("one", "while")
            else:
                over.set()

    assert seen == ["before", "while"]


def test_many_lines_at_once_are_all_there_and_only_long_ones_are_cut(
    tmp_path: Path,
) -> None:
    logbook = Logbook(tmp_path / "log.jsonl", lambda text: text.replace("pw", "***"))
    lines = [f"line {number} of many" for number in range(3000)]

    logbook.write("one", "\n".join([*lines, "y" * 16_383 + "pw"]))

    assert texts(logbook, 3001)[:-1] == lines
    (last,) = texts(logbook, 1)
    assert last == "y" * 16_383 + "*"


def test_lines_that_cannot_be_kept_are_lost_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    logbook = Logbook(folder / "log.jsonl")
    logbook.write("one", "lost")

    folder.mkdir()
    logbook.write("one", "kept")

    assert texts(logbook) == ["kept"]


def test_the_end_of_a_long_log_is_read_across_both_files(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "log.jsonl")
    for number in range(520):
        logbook.write(str(number), "x" * 16_000)
    assert (tmp_path / "log.1.jsonl").exists()

    assert [int(line.replica) for line in logbook.tail(400)] == list(range(120, 520))
    assert texts(logbook, 0) == []
