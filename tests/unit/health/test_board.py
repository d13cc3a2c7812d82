import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.health.board import Board
from app.backend.health.gate import FaultKind, GateFault
from app.backend.health.identity import Identity
from app.backend.health.lifecycle import Lifecycle
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.registry import Registered
from tests.support.health import (
    IDENTITY,
    OK,
    bad,
    board_of,
    entry,
    override_of,
    until,
)

DATABASE = entry("database", critical=True, period=3600)
GATED = entry("database", critical=True, gate=True, period=3600)
FAULT = GateFault(source="PORT", kind=FaultKind.RELEASE, message="no port")


class Bench:
    """Builds boards and closes them at the end."""

    def __init__(self) -> None:
        self.boards: list[Board] = []
        self.encodings = 0

    def identify(self) -> Identity:
        """A board asks who it is once for each encoding."""
        self.encodings += 1
        return IDENTITY

    def board(self, *entries: Registered, **options: Any) -> Board:
        board = board_of(*entries, **{"identify": self.identify} | options)
        self.boards.append(board)
        return board


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for board in made.boards:
        board.close()


def told(board: Board, path: str = "/api/health") -> dict[str, Any]:
    body: dict[str, Any] = json.loads(board.pages[path].fresh.body)
    return body


def status(board: Board, name: str = "database") -> Status:
    return board.snapshot.checks[name].status


async def test_there_is_an_answer_before_the_first_result(bench: Bench) -> None:
    board = bench.board(DATABASE)

    assert told(board)["status"] == "unknown"
    assert board.pages["/api/health"].fresh.status == 503


async def test_a_result_replaces_snapshot_and_pages_as_a_whole(bench: Bench) -> None:
    board = bench.board(DATABASE)
    pages, snapshot = board.pages, board.snapshot
    board.record("database", OK)
    await until(lambda: board.pages is not pages)

    assert snapshot.checks["database"].status is Status.UNKNOWN
    assert json.loads(pages["/api/health"].fresh.body)["status"] == "unknown"
    assert told(board)["status"] == "healthy"
    assert status(board) is Status.HEALTHY


async def test_a_burst_of_results_is_encoded_a_few_times_only(bench: Bench) -> None:
    board = bench.board(*(entry(f"check_{n}", period=3600) for n in range(300)))
    before = bench.encodings
    for number in range(300):
        board.record(f"check_{number}", OK)
    await until(lambda: status(board, "check_299") is Status.HEALTHY)

    assert bench.encodings - before < 10
    assert {one.status for one in board.snapshot.checks.values()} == {Status.HEALTHY}


async def test_results_are_made_safe_before_they_are_kept_anywhere(
    bench: Bench,
) -> None:
    def sanitize(result: CheckResult) -> CheckResult:
        return replace(result, message=result.message.replace("canary", "***"))

    board = bench.board(DATABASE, sanitize=sanitize, details=True)
    failed = CheckResult.unhealthy(Failure.AUTH, "canary was refused")
    board.record("database", failed)
    await until(lambda: status(board) is Status.UNHEALTHY)

    assert told(board)["checks"]["database"]["message"] == "*** was refused"
    [transition] = board.history.newest(9)
    assert transition.message == "*** was refused"


async def test_only_changes_of_the_published_status_are_history(bench: Bench) -> None:
    board = bench.board(DATABASE)
    refused = bad(Failure.REFUSED)
    for result in (OK, OK, refused, OK, refused, refused, refused):
        board.record("database", result)
        board.publish()
    steps = [(one.before, one.after) for one in reversed(board.history.newest(9))]
    assert steps == [
        (Status.UNKNOWN, Status.HEALTHY),
        (Status.HEALTHY, Status.UNHEALTHY),
    ]


async def test_a_check_nobody_refreshes_turns_unknown_by_itself(bench: Bench) -> None:
    short = entry("database", critical=True, period=0.05, timeout=0.05)
    board = bench.board(short)
    board.record("database", OK)
    board.publish()
    assert status(board) is Status.HEALTHY
    await until(lambda: status(board) is Status.UNKNOWN)

    assert board.pages["/api/health"].fresh.status == 503
    newest = board.history.newest(1)[0]
    assert (newest.before, newest.after) == (Status.HEALTHY, Status.UNKNOWN)


async def test_an_override_is_in_force_until_it_ends_by_itself(
    bench: Bench,
) -> None:
    board = bench.board(DATABASE)
    board.record("database", OK)
    ending = datetime.now(UTC) + timedelta(seconds=0.5)
    board.set_overrides((override_of(OverrideKind.NOT_READY, until=ending),))
    board.publish()
    assert told(board, "/api/health/ready")["status"] == "unhealthy"
    await until(lambda: told(board, "/api/health/ready")["status"] == "healthy")

    assert datetime.now(UTC) >= ending
    assert board.snapshot.overrides == ()


async def test_an_override_for_another_replica_changes_nothing(bench: Bench) -> None:
    board = bench.board(DATABASE)
    board.set_overrides((override_of(OverrideKind.NOT_READY, replica="r-2"),))

    assert board.publish().overrides == ()


async def test_a_drain_asks_every_client_to_close_its_connection(bench: Bench) -> None:
    lifecycle = Lifecycle()
    lifecycle.serve()
    board = bench.board(DATABASE, lifecycle=lifecycle)
    lifecycle.drain()
    board.publish()

    assert told(board, "/api/health/ready")["stage"] == "draining"
    assert board.pages["/api/health/ready"].fresh.status == 503
    for pair in board.pages.values():
        assert (b"connection", b"close") in pair.fresh.headers


async def test_restarts_of_background_work_are_visible(bench: Bench) -> None:
    restarts: dict[str, int] = {}
    board = bench.board(DATABASE, restarts=restarts, details=True)
    restarts["health:database"] = 2
    board.publish()

    assert board.snapshot.restarts == {"health:database": 2}
    assert told(board)["restarts"] == {"health:database": 2}


async def test_a_snapshot_does_not_change_once_it_is_taken(bench: Bench) -> None:
    restarts = {"health:database": 1}
    board = bench.board(DATABASE, restarts=restarts)
    snapshot = board.publish()
    restarts["health:database"] = 9
    board.record("database", OK)
    board.publish()

    assert snapshot.restarts == {"health:database": 1}
    assert snapshot.checks["database"].status is Status.UNKNOWN


async def test_the_gate_opens_with_its_first_good_results(bench: Bench) -> None:
    minor = entry("cache")
    board = bench.board(GATED, minor)
    assert board.urgent(GATED)
    assert not board.urgent(minor)
    assert board.pages["/api/health/startup"].fresh.status == 503
    board.record("database", OK)
    await until(lambda: board.snapshot.gate.clean)

    assert board.pages["/api/health/startup"].fresh.status == 200
    assert not board.urgent(GATED)


async def test_the_gate_opens_when_its_grace_is_over_though_nothing_else_happens(
    bench: Bench,
) -> None:
    board = bench.board(GATED, gate_grace=0.5)
    board.record("database", bad(Failure.REFUSED))
    board.publish()
    assert not board.snapshot.gate.passed
    await until(lambda: board.snapshot.gate.passed)

    assert told(board, "/api/health/startup")["status"] == "degraded"
    assert board.urgent(GATED)


async def test_faults_found_before_the_start_hold_the_gate(bench: Bench) -> None:
    board = bench.board(GATED, unusable=[FAULT], gate_grace=0)
    board.record("database", OK)
    board.publish()

    assert board.snapshot.gate.faults == (FAULT,)
    assert not board.snapshot.gate.passed


@pytest.mark.parametrize("result", [OK, bad(Failure.REFUSED)], ids=["clean", "held"])
async def test_a_fault_found_later_closes_the_gate_for_good(
    result: CheckResult, bench: Bench
) -> None:
    board = bench.board(GATED, gate_grace=0)
    board.record("database", result)
    assert board.publish().gate.passed
    board.add_fault(FAULT)

    assert not board.publish().gate.passed


def test_a_board_can_be_built_before_there_is_a_loop() -> None:
    assert told(board_of(DATABASE))["status"] == "unknown"


async def test_a_closed_board_leaves_no_timer_running(bench: Bench) -> None:
    board = bench.board(DATABASE)
    board.record("database", OK)
    board.close()

    assert board._timer is not None
    assert board._timer.cancelled()


async def test_what_says_that_it_knows_nothing_yet_is_asked_again_soon() -> None:
    waiting, sound = entry("family"), entry("database")
    board = board_of(waiting, sound)
    assert not board.urgent(waiting)
    board.record("family", CheckResult(status=Status.UNKNOWN))
    board.record("database", OK)

    assert (board.urgent(waiting), board.urgent(sound)) == (True, False)
    board.record("family", OK)
    assert not board.urgent(waiting)
    board.close()


async def test_a_check_can_be_looked_up_before_it_is_published() -> None:
    board = board_of(entry("openai"))
    early = board.view("openai")
    board.record("openai", OK)
    board.record("openai", bad(Failure.AUTH, Status.DEGRADED))
    found = board.view("openai")
    board.close()

    assert early is not None
    assert (early.status, early.checked_at) == (Status.UNKNOWN, None)
    assert found is not None
    assert (found.status, found.latest) == (Status.HEALTHY, Status.DEGRADED)
    assert board.view("nobody") is None


async def test_the_pause_that_a_refusal_wants_is_told() -> None:
    refusing = entry("openai", backoff=True, period=60)
    board = board_of(refusing)
    assert board.pause(refusing) == 0
    board.record("openai", bad(Failure.AUTH, Status.DEGRADED))

    assert board.pause(refusing) == 3600
    board.close()


def test_a_result_that_somebody_else_has_found_is_as_old_as_it_is(bench: Bench) -> None:
    board = bench.board(entry("openai", period=60))
    before = datetime.now(UTC)
    board.record("openai", OK, age=30.0, pause=120.0)
    view = board.view("openai")

    assert view is not None
    assert view.checked_at is not None
    assert view.valid_until is not None
    age = before - view.checked_at
    assert timedelta(seconds=25) < age <= timedelta(seconds=30)
    assert view.valid_until - view.checked_at > timedelta(seconds=60 * 3 + 60)


def test_a_result_that_is_too_old_to_be_believed_stays_unknown(bench: Bench) -> None:
    board = bench.board(entry("openai", period=1))
    board.record("openai", OK, age=3600.0)
    view = board.view("openai")

    assert view is not None
    assert view.status is Status.UNKNOWN


def test_a_check_that_is_found_too_old_is_so_on_every_page_at_once(
    bench: Bench,
) -> None:
    board = bench.board(entry("database", critical=True, period=0.01, timeout=0.01))
    board.record("database", OK)
    expires = board.publish().checks["database"].expires
    assert expires is not None
    assert told(board)["status"] == "healthy"
    while time.monotonic() < expires:
        time.sleep(0.001)

    assert board.current("database").checks["database"].status is Status.UNKNOWN
    assert told(board)["status"] == "unknown"
    known = bench.encodings
    assert board.current("database") is board.snapshot
    assert board.current("nobody") is board.snapshot
    assert bench.encodings == known
