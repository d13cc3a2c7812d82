import base64
import gzip
import json
import time

import pytest

from app.backend.clients.tokens import HEAD, Glimpse, estimate, usage


@pytest.mark.parametrize(
    "name", ["max_tokens", "max_completion_tokens", "max_output_tokens"]
)
def test_a_request_costs_what_it_may_answer_and_a_quarter_of_its_bytes(
    name: str,
) -> None:
    body = json.dumps({name: 1000, "messages": "x" * 400}).encode()

    assert estimate(body) == 1000 + len(body) // 4


def test_what_somebody_wrote_is_not_taken_for_a_parameter() -> None:
    body = json.dumps({"messages": 'set "max_tokens": 900000, please'}).encode()

    assert estimate(body) == len(body) // 4


def test_nothing_costs_nothing() -> None:
    assert estimate(b"") == 0


def test_a_picture_does_not_count_as_text() -> None:
    picture = base64.b64encode(bytes(range(256)) * 4000).decode()
    body = json.dumps({"max_tokens": 10, "source": picture, "text": "x" * 400})

    assert 1600 < estimate(body.encode()) < 1800


def test_no_text_that_somebody_writes_makes_the_estimate_slow() -> None:
    # Just too short for a picture, again and again: 4 s, where each byte is tried.
    text = (b"x" * 2000 + b" ") * 500
    began = time.process_time()

    assert estimate(text) == len(text) // 4
    assert time.process_time() - began < 0.5


ANTHROPIC = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 900}


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"usage": {"prompt_tokens": 3, "total_tokens": 12}}, 12),
        ({"usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, 7),
        ({"usage": ANTHROPIC}, 15),
        ({"usage": ANTHROPIC | {"cache_creation_input_tokens": 100}}, 115),
        ({"usage": {}}, None),
        ({"usage": {"total_tokens": "many"}}, None),
        ({"usage": [1]}, None),
        ({"data": []}, None),
        ({"text": '"usage": {"total_tokens": 999}'}, None),
    ],
)
def test_an_answer_says_what_it_has_cost(body: object, tokens: int | None) -> None:
    assert usage(json.dumps(body).encode()) == tokens


def test_a_stream_tells_at_its_beginning_and_at_its_end() -> None:
    start = {"message": {"usage": {"input_tokens": 25, "output_tokens": 1}}}
    end = {"type": "message_delta", "usage": {"output_tokens": 15}}
    first = f"data: {json.dumps(start)}\n\n".encode()
    last = f"data: {json.dumps(end)}\n\n".encode()

    assert usage(first, last) == 40
    assert usage(first + last, first + last) == 40


@pytest.mark.parametrize("junk", [b"", b'"usage": {', b"\xff\xfe", b'"usage":{"a":'])
def test_junk_says_nothing(junk: bytes) -> None:
    assert usage(junk) is None


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_a_glimpse_keeps_both_ends_and_no_more(size: int, encoding: str) -> None:
    plain = b"a" * 5000 + b"b" * 100_000 + b"c" * 9000
    sent = gzip.compress(plain) if encoding == "gzip" else plain
    glimpse = Glimpse(encoding)
    for start in range(0, len(sent), size):
        glimpse.saw(sent[start : start + size])

    assert (glimpse.head, glimpse.tail) == (plain[:HEAD], plain[-8192:])


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip"])
def test_what_cannot_be_unpacked_is_not_kept(encoding: str) -> None:
    glimpse = Glimpse(encoding)
    for piece in (b"\x00\x01", b'"usage": {"total_tokens": 1}'):
        glimpse.saw(piece)

    assert (glimpse.head, glimpse.tail) == (b"", b"")


def test_a_little_that_becomes_very_much_is_not_followed() -> None:
    glimpse = Glimpse("gzip")
    bomb = gzip.compress(b"x" * 20_000_000)
    glimpse.saw(bomb)
    glimpse.saw(bomb)

    assert len(glimpse.head) + len(glimpse.tail) <= HEAD + 8192
