import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.backend.deploy.platforms.local.traffic import BOUNDS, NOBODY, TrafficLog


def line(
    deployment: str = "d1", *, status: int = 200, duration: float = 0.001, **more: Any
) -> bytes:
    """One line as Caddy 2.11 writes it."""
    entry = {
        "level": "info",
        "logger": "http.log.access",
        "request": {"method": "GET", "uri": '/{"level":'},
        "duration": duration,
        "status": status,
        "active": f"/run/{deployment}",
        "upstream": f"unix//run/{deployment}/3.sock",
        **more,
    }
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


class Log:
    """An access log that is written and rotated as Caddy does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "access.log"
        self.counters = folder / "counters.json"
        self._rotated = 0

    def write(self, *pieces: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(b"".join(pieces))

    def rotate(self) -> Path:
        self._rotated += 1
        stamp = f"2026-11-23T00-04-{self._rotated:02}.123"
        return self.path.rename(self.path.with_name(f"access-{stamp}.log"))

    def open(self) -> TrafficLog:
        return TrafficLog(self.path, self.counters)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


async def requests(traffic: TrafficLog, deployment: str = "d1") -> int:
    await traffic.poll()
    return traffic.counters(deployment).requests


async def test_without_a_log_nothing_is_counted(log: Log) -> None:
    traffic = log.open()
    await traffic.poll()

    counters = traffic.counters("d1")
    assert (counters.requests, counters.errors) == (0, 0)
    assert counters.buckets == (0,) * (len(BOUNDS) + 1)
    assert not log.counters.exists()


async def test_requests_are_counted_for_the_deployment_that_was_dialled(
    log: Log,
) -> None:
    # Switched while the answer was given: the one that gave it counts.
    log.write(line("old", active="/run/new"), line("new"), line("new"))
    traffic = log.open()

    assert await requests(traffic, "old") == 1
    assert await requests(traffic, "new") == 2


async def test_a_request_that_found_no_replica_counts_for_the_active_one(
    log: Log,
) -> None:
    log.write(line("d1", status=503, upstream=""), line("d1", upstream="", active=""))
    traffic = log.open()

    assert await requests(traffic, "d1") == 1
    assert traffic.counters("d1").errors == 1
    assert traffic.counters(NOBODY).requests == 1


@pytest.mark.parametrize(
    ("status", "errors"), [(200, 0), (404, 0), (499, 0), (500, 1), (502, 1), (0, 1)]
)
async def test_no_answer_and_5xx_are_errors(log: Log, status: int, errors: int) -> None:
    log.write(line(status=status))
    traffic = log.open()
    await traffic.poll()

    assert traffic.counters("d1").errors == errors


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.005, 0), (0.0051, 1), (0.3, 6), (10.0, 10), (60.0, 11)],
)
async def test_a_latency_falls_under_its_bound(
    log: Log, seconds: float, bucket: int
) -> None:
    log.write(line(duration=seconds))
    traffic = log.open()
    await traffic.poll()

    counters = traffic.counters("d1")
    assert counters.bounds == BOUNDS
    assert [i for i, count in enumerate(counters.buckets) if count] == [bucket]


async def test_a_line_is_counted_when_it_is_complete(log: Log) -> None:
    whole = line()
    log.write(line(), whole[:50])
    traffic = log.open()
    assert await requests(traffic) == 1

    log.write(whole[50:])
    assert await requests(traffic) == 2


async def test_a_line_that_was_broken_off_costs_no_other(log: Log) -> None:
    log.write(line(), line()[:80], line(), b"garbage\n", b"\n", b'{"level":"x"}\n')
    log.write(line())

    assert await requests(log.open()) == 3


async def test_another_process_goes_on_where_the_last_one_was(log: Log) -> None:
    log.write(line(), line(status=500))
    assert await requests(log.open()) == 2
    log.write(line())

    traffic = log.open()
    assert traffic.counters("d1").requests == 2
    assert await requests(traffic) == 3
    assert traffic.counters("d1").errors == 1


async def test_rotation_loses_nothing_and_repeats_nothing(log: Log) -> None:
    traffic = log.open()
    log.write(line())
    assert await requests(traffic) == 1

    log.write(line())
    log.rotate()
    log.write(line())
    assert await requests(traffic) == 3

    log.rotate()
    assert await requests(traffic) == 3
    log.write(line())
    assert await requests(traffic) == 4


async def test_several_rotations_between_two_looks_are_followed(log: Log) -> None:
    traffic = log.open()
    log.write(line())
    assert await requests(traffic) == 1
    for _ in range(3):
        log.write(line())
        log.rotate()
    log.write(line())

    assert await requests(log.open()) == 5


async def test_a_deleted_file_is_passed_over(log: Log) -> None:
    traffic = log.open()
    log.write(line(), line())
    assert await requests(traffic) == 2
    gone = log.rotate()
    log.write(line())
    # A second name keeps its inode from being given to another file.
    gone.rename(gone.with_name("kept"))

    assert await requests(traffic) == 3


async def test_a_log_that_was_emptied_is_read_from_its_start(log: Log) -> None:
    traffic = log.open()
    log.write(line(), line())
    assert await requests(traffic) == 2
    log.path.write_bytes(line())

    assert await requests(traffic) == 3


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
async def test_unreadable_counters_are_counted_again(log: Log, kept: str) -> None:
    log.write(line(), line())
    log.counters.write_text(kept)

    assert await requests(log.open()) == 2


async def test_a_long_log_is_read_in_pieces(log: Log) -> None:
    log.write(*[line()] * 6000)
    traffic = log.open()
    beside = 0

    async def count() -> None:
        nonlocal beside
        while True:
            await asyncio.sleep(0)
            beside += 1

    other = asyncio.create_task(count())
    assert await requests(traffic) == 6000
    other.cancel()
    assert beside >= 3


async def test_two_looks_at_once_count_once(log: Log) -> None:
    log.write(*[line()] * 2000)
    traffic = log.open()
    await asyncio.gather(traffic.poll(), traffic.poll())

    assert traffic.counters("d1").requests == 2000


async def test_a_line_longer_than_a_piece_is_passed_over(log: Log) -> None:
    log.write(line(), line(user_id="x" * 300_000), line())

    assert await requests(log.open()) == 2


async def test_the_deployments_seen_last_are_kept(log: Log) -> None:
    log.write(line("first"), *(line(f"d{i}") for i in range(64)), line("d0"))
    await log.open().poll()

    traffic = log.open()
    assert traffic.counters("first").requests == 0
    assert traffic.counters("d0").requests == 2
    assert traffic.counters("d63").requests == 1
