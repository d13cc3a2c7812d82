import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backend.health.board import Board
from app.backend.server.protocol import HeaderDeadlineProtocol
from tests.support.answering import Answering, answering, converse, split_answers
from tests.support.health import OK, board_of, entry
from tests.support.http import connect, encode
from tests.support.processes import eventually

T = TypeVar("T")

PATHS = ("", "/detailed", "/live", "/ready", "/startup")
PLAIN = b"GET /api/health HTTP/1.1\r\nhost: test\r\n\r\n"
LAST = b"GET /api/health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"


def head(target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    first = f"{method} {target} HTTP/{version}"
    return "\r\n".join([first, "Host: test", *lines, "", ""]).encode()


@dataclass(frozen=True)
class Wish:
    """One request as it is sent."""

    sent: bytes
    method: str = "GET"


PROBES = {
    **{path or "/": Wish(head(f"/api/health{path}")) for path in PATHS},
    "slash": Wish(head("/api/health/ready/")),
    "no body, said": Wish(head("/api/health", "Content-Length: 0")),
    "kept alive": Wish(head("/api/health/live", "Connection: Keep-Alive")),
    "any host": Wish(head("/api/health/startup", "x-forwarded-proto: http")),
    "curl": Wish(head("/api/health", "Accept: */*", "Cookie: a=1", "TE:")),
    "takes json": Wish(head("/api/health", "Accept: text/html, application/json")),
    "takes nothing": Wish(head("/api/health", "Accept: application/xml")),
    "empty lines": Wish(b"\r\n\r\n" + PLAIN),
}
OTHERS = {
    "query": Wish(head("/api/health?x=1")),
    "empty query": Wish(head("/api/health?")),
    "fragment": Wish(head("/api/health#x")),
    "token": Wish(head("/api/health", "AUTHORIZATION: Bearer no")),
    "browser": Wish(head("/api/health", "Accept: text/html, */*;q=0.8")),
    "escaped": Wish(head("/api/healt%68")),
    "absolute": Wish(head("http://test/api/health")),
    "unknown": Wish(head("/api/health/nothing")),
    "head": Wish(head("/api/health", method="HEAD"), "HEAD"),
    "post": Wish(head("/api/health", "content-length: 2", method="POST") + b"ab"),
    "get with a body": Wish(head("/api/health", "content-length: 3") + b"abc"),
    "chunked": Wish(
        head("/api/health", "transfer-encoding: chunked") + b"2\r\nab\r\n0\r\n\r\n"
    ),
    "expect": Wish(head("/api/health", "Expect: 100-continue")),
    "upgrade, unasked": Wish(head("/api/health", "upgrade: h2c")),
}
SLOW = {
    "slow": Wish(head("/slow")),
    "early": Wish(encode("POST", "/early", b"GET /api/health HTTP/1.1\r\n\r\n")),
    "continue": Wish(
        head("/", "content-length: 4", "expect: 100-continue", method="PUT") + b"body"
    ),
}
LASTS = {
    "close": Wish(LAST),
    "1.0": Wish(head("/api/health", version="1.0")),
    "1.0, kept": Wish(head("/api/health", "connection: keep-alive", version="1.0")),
}


@pytest.fixture(scope="module")
def board() -> Board:
    """Built outside a loop: no timers."""
    board = board_of(
        entry("application", critical=True, period=3600), entry("cache", period=3600)
    )
    board.record("application", OK)
    board.publish()
    return board


async def asked(server: Answering, wishes: Sequence[Wish]) -> list[object]:
    """The answers to a conversation that the last wish ends."""
    sent = [wish.sent for wish in wishes]
    received = await converse(server.port, sent, 0.001)
    return [*split_answers(received, [wish.method for wish in wishes])]


@pytest.mark.parametrize("name", PROBES)
async def test_a_plain_probe_gets_the_same_answer_without_the_application(
    board: Board, name: str
) -> None:
    wishes = [PROBES[name], LASTS["close"]]
    async with (
        answering(board, instant=True) as quick,
        answering(board, instant=False) as usual,
    ):
        assert await asked(quick, wishes) == await asked(usual, wishes)

    assert len(usual.called) == 2
    assert quick.called == ["/api/health"]
    assert quick.edge.answered == usual.edge.answered
    assert quick.state.total_requests == usual.state.total_requests == 2


@pytest.mark.parametrize("name", [*OTHERS, *LASTS])
async def test_whatever_is_unusual_goes_to_the_application(
    board: Board, name: str
) -> None:
    wishes = [{**OTHERS, **LASTS}[name]]
    if name in OTHERS:
        wishes.append(LASTS["close"])
    async with (
        answering(board, instant=True) as quick,
        answering(board, instant=False) as usual,
    ):
        assert await asked(quick, wishes) == await asked(usual, wishes)

    assert quick.called == usual.called
    assert len(quick.called) == len(wishes)
    assert quick.edge.answered == usual.edge.answered


async def test_an_upgrade_that_nobody_supports_goes_to_the_application(
    board: Board,
) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "h2c"}
    async with answering(board, instant=True) as quick, connect(quick.port) as client:
        for headers in (upgrade, {}, upgrade):
            answer = await client.request("GET", "/api/health", headers=headers)
            assert answer.status == 200

    assert len(quick.called) == 2


CONVERSATIONS = st.tuples(
    st.lists(
        st.sampled_from([*PROBES.values(), *OTHERS.values(), *SLOW.values()]),
        max_size=8,
    ),
    st.sampled_from([*LASTS.values()]),
)


def on_uvloop(awaitable: Coroutine[Any, Any, T]) -> T:
    """Runs it on the loop that the product runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(awaitable)


def talk(
    board: Board, wishes: Sequence[Wish], cuts: Sequence[float], pause: float
) -> None:
    """Has one conversation with a server of either kind, and compares."""
    sent = b"".join(wish.sent for wish in wishes)
    places = sorted({0, *(int(cut * len(sent)) for cut in cuts), len(sent)})
    segments = [sent[start:end] for start, end in pairwise(places)]
    methods = [wish.method for wish in wishes]

    async def told(*, instant: bool) -> tuple[object, ...]:
        async with answering(board, instant=instant) as server:
            received = await converse(server.port, segments, pause)
        return (
            split_answers(received, methods),
            server.edge.answered,
            server.state.total_requests,
        )

    quick = on_uvloop(told(instant=True))
    usual = on_uvloop(told(instant=False))
    assert quick == usual
    assert quick[2] == len(wishes)


@given(
    conversation=CONVERSATIONS,
    cuts=st.lists(st.floats(0, 1), max_size=8),
    pause=st.sampled_from([0, 0.001, 0.012]),
)
@settings(max_examples=40, deadline=None)
def test_however_requests_are_mixed_and_cut_the_answers_are_the_same(
    board: Board,
    conversation: tuple[list[Wish], Wish],
    cuts: list[float],
    pause: float,
) -> None:
    wishes, last = conversation
    talk(board, [*wishes, last], cuts, pause)


@pytest.mark.full
@given(
    conversation=CONVERSATIONS,
    cuts=st.lists(st.floats(0, 1), max_size=30),
    pause=st.sampled_from([0, 0.001, 0.012]),
)
@settings(max_examples=600, deadline=None)
def test_very_many_mixtures_and_cuts_get_the_same_answers(
    board: Board,
    conversation: tuple[list[Wish], Wish],
    cuts: list[float],
    pause: float,
) -> None:
    wishes, last = conversation
    talk(board, [*wishes, last], cuts, pause)


@pytest.mark.parametrize("place", range(0, len(PLAIN) + len(LAST), 3))
def test_a_probe_may_be_cut_anywhere(board: Board, place: int) -> None:
    both = len(PLAIN) + len(LAST)
    talk(board, [Wish(PLAIN), Wish(LAST)], [(place + 0.5) / both], 0.001)


async def test_a_probe_does_not_overtake_a_request_before_it(board: Board) -> None:
    wishes = [SLOW["slow"], PROBES["/"], PROBES["/live"], LASTS["close"]]
    async with answering(board, instant=True) as quick:
        sent = b"".join(wish.sent for wish in wishes)
        received = await converse(quick.port, [sent], 0)

    statuses = [one[0] for one in split_answers(received, ["GET"] * 4)]
    assert [status[9:12] for status in statuses] == [b"299", b"200", b"200", b"200"]
    assert quick.called == ["/slow", "/api/health", "/api/health/live", "/api/health"]


async def test_probes_before_a_request_are_answered_before_it(board: Board) -> None:
    wishes = [PROBES["/"], PROBES["/live"], SLOW["slow"], PROBES["/"], LASTS["close"]]
    async with answering(board, instant=True) as quick:
        sent = b"".join(wish.sent for wish in wishes)
        received = await converse(quick.port, [sent], 0)

    statuses = [one[0] for one in split_answers(received, ["GET"] * 5)]
    codes = [status[9:12] for status in statuses]
    assert codes == [b"200", b"200", b"299", b"200", b"200"]
    assert quick.called == ["/slow", "/api/health", "/api/health"]


async def test_a_probe_is_answered_before_the_rubbish_behind_it(board: Board) -> None:
    async with answering(board, instant=True) as quick:
        received = await converse(quick.port, [PLAIN + b"rubbish\r\n\r\n"], 0)

    good, bad = split_answers(received, ["GET", "GET"])
    assert (good[0][9:12], bad[0][9:12]) == (b"200", b"400")


def test_a_client_that_does_not_read_is_not_written_to_for_ever(board: Board) -> None:
    """Its answers wait in its own requests, not in our memory."""

    async def flood() -> None:
        async with answering(board, instant=True) as quick, connect(quick.port) as one:
            sending = asyncio.create_task(one.send(PLAIN * 200_000))
            await eventually(lambda: quick.state.connections)
            [connection] = quick.state.connections
            assert isinstance(connection, HeaderDeadlineProtocol)

            await eventually(lambda: connection.flow.read_paused)

            assert connection.flow.write_paused
            assert connection.transport.get_write_buffer_size() < 2_000_000
            sending.cancel()
            connection.transport.abort()

    on_uvloop(flood())


async def test_a_default_header_is_as_new_as_the_answer(board: Board) -> None:
    dates = []
    async with answering(board, instant=True) as quick, connect(quick.port) as client:
        for date in (b"Monday", b"Tuesday"):
            quick.state.default_headers = [(b"date", date)]
            answer = await client.request("GET", "/api/health")
            dates.append(answer.headers["date"])

    assert dates == ["Monday", "Tuesday"]
    assert quick.called == []


async def test_an_overdue_page_gives_way_to_unknown(board: Board) -> None:
    aged = board_of()
    aged.close()
    aged.pages = {
        path: replace(pair, stale_at=0.0) for path, pair in board.pages.items()
    }
    async with answering(aged, instant=True) as quick, connect(quick.port) as client:
        assert (await client.request("GET", "/api/health")).status == 503

    assert quick.called == []
    assert quick.edge.answered == {("/api/health", 503): 1}


async def test_while_it_leaves_every_answer_says_so_once(board: Board) -> None:
    async with answering(board, instant=True) as quick:
        async with connect(quick.port) as kept:
            assert not (await kept.request("GET", "/api/health")).closes
            quick.state.leaving = True
            assert (await kept.request("GET", "/api/health")).closes
        received = await converse(quick.port, [PLAIN], 0)

    assert received.count(b"connection: close\r\n") == 1
    assert quick.called == ["/api/health"] * 2
