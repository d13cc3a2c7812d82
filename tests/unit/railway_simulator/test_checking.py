"""The health check's cadence and words are those of FACTS §5."""

from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from tests.support.railway.checking import HealthCheck
from tests.support.railway.clock import Clock, spoken


@dataclass(kw_only=True)
class HastyClock(Clock):
    """Time passes by being waited for."""

    passed: float = 0.0

    @override
    def elapsed(self) -> float:
        return self.passed

    @override
    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


@dataclass
class Release:
    """Answers as told, after a while."""

    clock: HastyClock
    answers: list[int | None]
    takes: float = 0.0
    asked: list[float] = field(default_factory=list)

    async def probe(self, _replica: int, _timeout: float) -> int | None:
        self.asked.append(self.clock.passed)
        self.clock.passed += self.takes
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def checked(
    *answers: int | None, takes: float = 0.0, replicas: int = 1
) -> tuple[bool, Release, list[str]]:
    clock = HastyClock()
    release = Release(clock, list(answers), takes)
    lines: list[str] = []
    check = HealthCheck(
        path="/health",
        replicas=replicas,
        window=300.0,
        probe=release.probe,
        clock=clock,
        write=lines.append,
    )
    return await check.passes(), release, lines


async def test_it_waits_twice_as_long_each_time_and_then_thirty_seconds() -> None:
    passed, release, _ = await checked(None)
    assert not passed
    thirties = range(62, 300, 30)
    assert release.asked == [1, 2, 4, 8, 16, 32, *thirties]
    assert len(release.asked) == 14


async def test_the_log_says_what_railways_says() -> None:
    passed, _, lines = await checked(None, 400, 503, 200, takes=10.0)
    assert passed
    assert lines == [
        "====================",
        "Starting Healthcheck",
        "====================",
        "Path: /health",
        "Retry window: 5m0s",
        "Attempt #1 failed with service unavailable. Continuing to retry for 4m49s",
        "Attempt #2 failed with status 400. Continuing to retry for 4m38s",
        "Attempt #3 failed with service unavailable. Continuing to retry for 4m26s",
        "[1/1] Healthcheck succeeded!",
    ]


@pytest.mark.parametrize("status", [201, 204, 301, 308, 404, 500, 503, None])
async def test_only_200_passes(status: int | None) -> None:
    passed, _, lines = await checked(status)
    assert not passed
    assert lines[-2:] == [
        "1/1 replicas never became healthy!",
        "Healthcheck failed!",
    ]


async def test_every_replica_has_to_pass() -> None:
    passed, release, lines = await checked(200, replicas=3)
    assert passed
    assert len(release.asked) == 3
    assert lines[-3:] == [
        f"[{number}/3] Healthcheck succeeded!" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(300, "5m0s"), (289.2, "4m49s"), (42, "42s"), (-1, "0s")]
)
def test_durations_are_told_as_go_does(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
