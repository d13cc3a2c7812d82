"""What a prober makes of answers that are odd, broken off, or somebody else's."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from app.backend.deploy.watching.clock import SystemClock
from app.backend.deploy.watching.fetch import Origin, Silence, fetch
from app.backend.deploy.watching.probes import HEALTH_PATH
from app.backend.deploy.watching.samples import Outcome
from tests.support.odd_server import End, OddServer, Step, answer, odd_server
from tests.support.probing import GOOD, ROUTE, asked, page


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OddServer]:
    async with odd_server({**GOOD}) as odd:
        yield odd


@pytest.mark.parametrize(
    ("steps", "outcome", "reason"),
    [
        ([End.HANG], Outcome.NO_ANSWER, "within 0.4 s"),
        ([1.0, answer(page())], Outcome.NO_ANSWER, "within 0.4 s"),
        ([answer(page())[:60], End.HANG], Outcome.NO_ANSWER, "within 0.4 s"),
        ([*[b"HTTP/1.1 200 OK\r\n", 0.2] * 9], Outcome.NO_ANSWER, ""),
        ([End.RESET], Outcome.NO_ANSWER, ""),
        ([answer(page(), length=9999), End.RESET], Outcome.NO_ANSWER, ""),
        ([answer(page(), length=9999)], Outcome.NO_ANSWER, "broken off"),
        ([answer(page())[:60]], Outcome.NO_ANSWER, "broken off"),
        ([], Outcome.NO_ANSWER, "broken off"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], Outcome.NO_ANSWER, "no HTTP"),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000], Outcome.NO_ANSWER, "no HTTP"),
        ([answer(b"<html>", 500, media="text/html")], Outcome.FAIL, "HTTP 500"),
        ([answer(b"<html>", media="text/html")], Outcome.FAIL, "text/html"),
        ([answer(b"{not json")], Outcome.FAIL, "no JSON"),
        ([answer(b"[]")], Outcome.FAIL, "no health report"),
        ([answer(b"", 301, "location: /elsewhere")], Outcome.FAIL, "HTTP 301"),
        ([answer(code=404)], Outcome.FAIL, "HTTP 404"),
        (
            [answer(gzip.compress(page()), 200, "content-encoding: gzip")],
            Outcome.FAIL,
            "no JSON",
        ),
        (
            [answer(page(), length=9_000_000), End.FLOOD],
            Outcome.FAIL,
            "more than 1000000 bytes",
        ),
        ([answer(page("unhealthy"), 503)], Outcome.FAIL, "application is unhealthy"),
        ([answer(page("unknown"), 503)], Outcome.FAIL, "application is unknown"),
        (
            [answer(page("unhealthy", shared=True), 503)],
            Outcome.INCONCLUSIVE,
            "application is unhealthy",
        ),
        (
            [answer(page("unhealthy", latest={"status": "healthy"}), 503)],
            Outcome.OK,
            "",
        ),
        (
            [answer(page("healthy", latest={"status": "unhealthy"}), 200)],
            Outcome.FAIL,
            "application is unhealthy",
        ),
        ([answer(page(), 200, "x-cache: HIT")], Outcome.DISCARDED, "cache"),
        (
            [answer(page(), 200, "X-Cache: Stale from edge")],
            Outcome.DISCARDED,
            "cache",
        ),
        ([answer(page(), 200, "x-cache: MISS")], Outcome.OK, ""),
        ([answer(page(), 200, "age: 30")], Outcome.DISCARDED, "cache"),
        ([answer(page(), 200, "age: 0")], Outcome.OK, ""),
        ([answer(b"slow down", 429)], Outcome.DISCARDED, "limiter"),
        (
            [answer(b"{}", 502, "x-railway-fallback: true")],
            Outcome.FAIL,
            "the edge has answered 502",
        ),
    ],
)
async def test_every_odd_answer_of_the_health_page_is_told_for_what_it_is(
    server: OddServer, steps: Sequence[Step], outcome: Outcome, reason: str
) -> None:
    sample = await asked(server, HEALTH_PATH, *steps)

    assert sample.outcome is outcome, sample.reason
    assert reason in sample.reason


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([answer(b"fine", media="text/plain")], Outcome.OK),
        ([answer(b"", 302, "location: http://127.0.0.1:1/")], Outcome.OK),
        ([answer(b"", 204)], Outcome.OK),
        ([answer(b"x", length=9_000_000), End.FLOOD], Outcome.OK),
        ([answer(b"", 404)], Outcome.FAIL),
        ([answer(b"", 500)], Outcome.FAIL),
        ([answer(b"", 500, "x-cache: HIT")], Outcome.DISCARDED),
        ([answer(b"half", length=99)], Outcome.NO_ANSWER),
        ([End.HANG], Outcome.NO_ANSWER),
    ],
)
async def test_every_odd_answer_of_a_route_is_told_for_what_it_is(
    server: OddServer, steps: Sequence[Step], outcome: Outcome
) -> None:
    assert (await asked(server, ROUTE, *steps)).outcome is outcome


async def test_who_has_answered_a_route_is_read_from_its_head(
    server: OddServer,
) -> None:
    said = ("x-pm33-deployment: d-1", "x-pm33-replica: r9")
    sample = await asked(server, ROUTE, answer(b"", 200, *said))

    assert (sample.deployment, sample.replica) == ("d-1", "r9")


async def test_what_speaks_no_tls_is_told_so_and_is_no_fault_of_this_machine() -> None:
    """OpenSSL's number of it is 1, which as an errno is EPERM: a firewall of ours."""

    def plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plainly, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        found = await fetch(
            Origin.of_url(f"https://127.0.0.1:{port}"),
            "/",
            headers={},
            most=9,
            deadline=5,
            clock=SystemClock(),
        )

    assert found == Silence("the TLS handshake failed", own=False)
