import json
import time
from dataclasses import replace
from typing import Any

import pytest

from app.backend.api.edge import Edge, Message, Receive, Scope, Send
from app.backend.health.board import Board
from app.backend.health.models import Failure
from tests.support.health import OK, Answer, bad, board_of, call, entry

PATHS = ("", "/detailed", "/live", "/ready", "/startup")
AUTHORIZATION = (b"authorization", b"Bearer token")


class Behind:
    """What stands behind the edge: remembers each scope that reaches it."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"behind"})


@pytest.fixture
def board() -> Board:
    """Built outside a loop: no timers."""
    board = board_of(entry("database", critical=True, period=3600))
    board.record("database", OK)
    board.publish()
    return board


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def edge(board: Board, behind: Behind) -> Edge:
    return Edge(behind, board)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", PATHS)
async def test_health_paths_are_answered_from_the_boards_bytes(
    path: str, slash: str, edge: Edge, board: Board, behind: Behind
) -> None:
    answer = await call(edge, f"/api/health{path}{slash}")

    assert answer.status == 200
    assert answer.body == board.pages[f"/api/health{path}"].fresh.body
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert behind.scopes == []


async def test_head_has_the_same_head_and_no_body(edge: Edge) -> None:
    get = await call(edge, "/api/health")
    head = await call(edge, "/api/health", "HEAD")

    assert head.status == get.status
    assert head.headers.keys() == get.headers.keys()
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.body == b""


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/healthz", "/api/health//", "/api/health/schema", "/API/HEALTH"],
)
async def test_other_paths_pass_on(path: str, edge: Edge, behind: Behind) -> None:
    assert (await call(edge, path)).status == 299
    assert [scope["path"] for scope in behind.scopes] == [path]
    assert edge.answered == {}


@pytest.mark.parametrize(
    "wish",
    [
        {"query": b"why"},
        {"headers": [AUTHORIZATION]},
        {"headers": [(b"accept", b"text/html")]},
        {"headers": [(b"accept", b"text/plain"), (b"accept", b"*/*;q=0.1")]},
        {"method": "POST"},
        {"method": "OPTIONS"},
    ],
    ids=["query", "authorization", "accept", "two accepts", "post", "options"],
)
async def test_what_the_bytes_cannot_answer_leaves_the_hot_path(
    wish: dict[str, Any], edge: Edge, behind: Behind
) -> None:
    answer = await call(edge, "/api/health", **wish)

    assert answer.body == b"behind"
    assert len(behind.scopes) == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"host", b"healthcheck.railway.app"),
        (b"accept", b""),
        (b"accept", b"*/*"),
        (b"accept", b"application/json"),
        (b"accept", b"text/html, application/json"),
        (b"accept", b"application/xml"),
        (b"accept", b"\xff;q=\x00"),
        (b"x-forwarded-proto", b"http"),
        (b"cookie", b"authorization=1"),
    ],
)
async def test_no_other_header_matters(
    header: tuple[bytes, bytes], edge: Edge, behind: Behind
) -> None:
    assert (await call(edge, "/api/health", headers=[header])).status == 200
    assert behind.scopes == []


@pytest.mark.parametrize("first", [b"text/html", b"*/*"])
async def test_several_accept_headers_are_one(
    first: bytes, edge: Edge, behind: Behind
) -> None:
    second = b"text/html" if first == b"*/*" else b"*/*"
    headers = [(b"accept", first), (b"host", b"x"), (b"accept", second)]

    assert (await call(edge, "/api/health", headers=headers)).status == 200
    assert behind.scopes == []


async def test_very_many_accept_headers_are_not_read(
    edge: Edge, behind: Behind
) -> None:
    headers = [(b"accept", b"text/html")] * 5000

    assert (await call(edge, "/api/health", headers=headers)).status == 200
    assert behind.scopes == []


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_other_protocols_pass_through_untouched(
    kind: str, edge: Edge, behind: Behind
) -> None:
    scope = {"type": kind, "path": "/api/health"}
    answer = Answer()

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        answer.messages.append(message)

    await edge(scope, receive, send)

    assert behind.scopes == [scope]


async def test_the_age_is_told_anew_for_each_request(edge: Edge, board: Board) -> None:
    pair = board.pages["/api/health"]
    ages = []
    for age in (5, 7200):
        aged = board_pages(board, oldest=time.monotonic() - age)
        board.pages = aged
        ages.append(float((await call(edge, "/api/health")).headers["x-health-age"]))

    assert pair.oldest <= time.monotonic()
    assert ages == pytest.approx([5, 7200], abs=20)


async def test_an_overdue_page_gives_way_to_unknown(edge: Edge, board: Board) -> None:
    board.pages = board_pages(board, stale_at=time.monotonic() - 0.001)
    answer = await call(edge, "/api/health")

    assert answer.status == 503
    assert json.loads(answer.body)["status"] == "unknown"
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_page_that_is_not_yet_overdue_is_believed(
    edge: Edge, board: Board
) -> None:
    board.pages = board_pages(board, stale_at=time.monotonic() + 3600)

    assert (await call(edge, "/api/health")).status == 200


async def test_the_newest_page_is_what_the_next_request_gets(
    edge: Edge, board: Board
) -> None:
    assert (await call(edge, "/api/health")).status == 200
    for _ in range(2):
        board.record("database", bad(Failure.REFUSED))
    board.publish()
    answer = await call(edge, "/api/health")
    board.close()

    assert answer.status == 503
    assert json.loads(answer.body)["checks"]["database"]["failure"] == "refused"


async def test_answers_are_counted_by_path_and_code(edge: Edge, board: Board) -> None:
    for path in ("/api/health", "/api/health", "/api/health/live/"):
        await call(edge, path)
    board.pages = board_pages(board, stale_at=0.0)
    await call(edge, "/api/health", "HEAD")

    assert edge.answered == {
        ("/api/health", 200): 2,
        ("/api/health/live/", 200): 1,
        ("/api/health", 503): 1,
    }


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("path", [*PATHS, "/"])
async def test_a_server_that_asks_first_is_told_what_the_application_would_say(
    path: str, *, stale: bool, edge: Edge, board: Board, behind: Behind
) -> None:
    if stale:
        board.pages = board_pages(board, stale_at=0.0)
    usual = await call(edge, f"/api/health{path}")
    counted = dict(edge.answered)

    found = edge.instant(f"/api/health{path}".encode(), [(b"host", b"test")])

    assert found is not None
    head, body = found
    status, *lines = head.decode().splitlines()
    headers = dict(line.split(": ") for line in lines)
    assert status.startswith(f"HTTP/1.1 {usual.status} ")
    assert headers.keys() == usual.headers.keys()
    assert body == usual.body
    assert edge.answered == {key: 2 * count for key, count in counted.items()}
    assert behind.scopes == []


@pytest.mark.parametrize(
    "target",
    [
        *(b"/", b"/api/health?", b"/api/health?why", b"/api/healt%68", b"/API/health"),
        *(b"http://test/api/health", b"/api/health#x", b"/api/health/schema", b"\xff"),
    ],
)
def test_a_server_that_asks_first_is_sent_on_for_any_other_target(
    target: bytes, edge: Edge
) -> None:
    assert edge.instant(target, []) is None
    assert edge.answered == {}


@pytest.mark.parametrize("header", [AUTHORIZATION, (b"accept", b"text/html")])
def test_a_server_that_asks_first_is_sent_on_for_more_than_bytes(
    header: tuple[bytes, bytes], edge: Edge
) -> None:
    assert edge.instant(b"/api/health", [header]) is None
    assert edge.answered == {}


def board_pages(board: Board, **fields: Any) -> Any:
    return {path: replace(pair, **fields) for path, pair in board.pages.items()}
