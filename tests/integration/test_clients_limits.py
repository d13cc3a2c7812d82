"""The limiter inside real SDKs, over real HTTP, against vendors' fakes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from app.backend.clients import CLIENTS
from app.backend.config.environment import read_config
from app.backend.resources import open_resources
from app.errors import VendorLimitedError
from tests.support.clients import (
    HELLO,
    ask_claude,
    ask_openai,
    clients_of,
    fakes_for_calls,
    sdk,
)
from tests.support.fake_vendors import FakeVendors
from tests.support.processes import eventually
from tests.support.vendor_traffic import (
    CHAT,
    MESSAGES,
    Gated,
    chat,
    events,
    message,
    packed,
    saying,
)
from tests.support.vendor_voices import Reply


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fakes_for_calls() as served:
        yield served


async def test_every_sdk_hands_the_refusal_on_and_does_not_repeat_the_call(
    fakes: FakeVendors,
) -> None:
    once = {f"{name.upper()}_REQUESTS": 1 for name in CLIENTS}
    async with clients_of(fakes, **once) as clients:
        together = await clients.together()
        pinecone = await clients.pinecone()
        stripe = await clients.stripe()
        calls: Mapping[str, Callable[[], Awaitable[Any]]] = {
            "anthropic": lambda: ask_claude(clients),
            "openai": lambda: ask_openai(clients),
            "together": lambda: together.chat.completions.create(
                model="llama", messages=HELLO
            ),
            "pinecone": lambda: anext(aiter(pinecone.indexes.list()), None),
            "stripe": lambda: stripe.get("/v1/balance"),
        }
        errors = {}
        for name, call in calls.items():
            await call()
            with pytest.raises(VendorLimitedError) as caught:
                await call()
            errors[name] = caught.value

    assert len(fakes.asked) == len(CLIENTS)
    for name, error in errors.items():
        assert name in str(error)
        assert 59 < error.retry_after <= 61
        assert (error.http_status, bool(error.remedy)) == (503, True)
    # Whoever expects the SDK's own errors is served, too.
    assert isinstance(errors["anthropic"], sdk("anthropic").AnthropicError)
    assert isinstance(errors["openai"], sdk("openai").OpenAIError)


async def test_an_index_of_pinecone_shares_the_limit_with_the_control_plane(
    fakes: FakeVendors,
) -> None:
    async with clients_of(fakes, PINECONE_REQUESTS=2) as clients:
        pinecone = await clients.pinecone()
        await anext(aiter(pinecone.indexes.list()), None)
        async with await pinecone.index(host=fakes.url) as index:
            await index.query(vector=[0.1], top_k=1)
            with pytest.raises(VendorLimitedError):
                await index.query(vector=[0.1], top_k=1)


async def test_each_retry_of_an_sdk_is_a_call(fakes: FakeVendors) -> None:
    broken = Reply(500, {"error": {}}, headers=("retry-after-ms: 1",))
    fakes.routes[CHAT] = saying(broken, broken, chat())
    async with clients_of(fakes, OPENAI_REQUESTS=2, WAIT=0.5) as clients:
        with pytest.raises(VendorLimitedError):
            await ask_openai(clients)
        assert clients.outcomes["openai"].failures == 2


async def test_after_retry_after_nobody_calls_before_its_end(
    fakes: FakeVendors,
) -> None:
    limited = Reply(429, {"error": {}}, headers=("retry-after: 30",))
    fakes.routes[CHAT] = saying(limited, chat())
    async with clients_of(fakes) as clients:
        client = (await clients.openai()).with_options(max_retries=0)
        with pytest.raises(sdk("openai").RateLimitError):
            await client.chat.completions.create(model="gpt", messages=HELLO)
        with pytest.raises(VendorLimitedError) as caught:
            await ask_openai(clients)

    assert 29 < caught.value.retry_after <= 30
    assert len(fakes.asked) == 1


async def test_calls_in_flight_are_no_more_than_may_be(fakes: FakeVendors) -> None:
    gated = fakes.routes[MESSAGES] = Gated(message())
    async with clients_of(fakes, ANTHROPIC_CONCURRENCY=2, WAIT=0.2) as clients:
        calls = [asyncio.ensure_future(ask_claude(clients)) for _ in range(3)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        [error] = [one.exception() for one in done]
        assert (type(error).__name__, gated.arrived) == ("VendorLimitedError", 2)
        gated.open()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (await ask_claude(clients)).content[0].text == "Hello."


async def test_a_caller_who_gives_up_makes_room(fakes: FakeVendors) -> None:
    gated = fakes.routes[CHAT] = Gated(chat())
    async with clients_of(fakes, OPENAI_CONCURRENCY=1, WAIT=0) as clients:
        waiting = asyncio.ensure_future(ask_openai(clients))
        await eventually(lambda: gated.arrived)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gated.open()
        await ask_openai(clients)
        seen = clients.outcomes["openai"]
        assert (seen.successes, seen.silences) == (1, 0)


@pytest.mark.parametrize("compressed", [False, True])
async def test_tokens_are_settled_by_the_answer(
    fakes: FakeVendors, *, compressed: bool
) -> None:
    reply = message(tokens=(20, 30))
    fakes.routes[MESSAGES] = packed(reply) if compressed else saying(reply)
    async with clients_of(fakes, ANTHROPIC_TOKENS=250) as clients:
        # Each may answer with 100, and is counted with 50 when it has.
        for _ in range(3):
            await ask_claude(clients)
        with pytest.raises(VendorLimitedError):
            await ask_claude(clients)


async def test_a_stream_is_handed_on_as_it_comes_and_settled_at_its_end(
    fakes: FakeVendors,
) -> None:
    go_on = asyncio.Event()
    start = message(tokens=(25, 1)).body | {"content": [], "stop_reason": None}
    text = {"type": "content_block_delta", "index": 0}
    fakes.routes[MESSAGES] = events(
        [
            {"type": "message_start", "message": start},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            text | {"delta": {"type": "text_delta", "text": "Hel"}},
        ],
        [
            text | {"delta": {"type": "text_delta", "text": "lo."}},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 15},
            },
            {"type": "message_stop"},
        ],
        go_on,
    )
    async with clients_of(fakes, ANTHROPIC_TOKENS=170, WAIT=0) as clients:
        heard = ""
        async with asyncio.timeout(20):
            async for event in await ask_claude(clients, stream=True):
                if event.type == "content_block_delta":
                    heard += event.delta.text
                    if heard == "Hel":  # the vendor has not said any more yet
                        with pytest.raises(VendorLimitedError):
                            await ask_claude(clients)
                        go_on.set()
        fakes.routes[MESSAGES] = saying(message())
        # It has cost 40 of 170, and the next one is counted with about 120.
        await ask_claude(clients)

    assert heard == "Hello."


async def test_a_stream_is_in_flight_until_it_is_left(fakes: FakeVendors) -> None:
    part = chat().body | {"object": "chat.completion.chunk"}
    part["choices"] = [{"index": 0, "delta": {"content": "Hel"}}]
    fakes.routes[CHAT] = events([part], ["[DONE]"], asyncio.Event())
    async with clients_of(fakes, OPENAI_CONCURRENCY=1, WAIT=0) as clients:
        async with await ask_openai(clients, stream=True) as stream:
            async for _ in stream:
                with pytest.raises(VendorLimitedError, match="in flight"):
                    await ask_openai(clients)
                break
        fakes.routes[CHAT] = saying(chat())
        await ask_openai(clients)


async def test_without_rate_limiting_only_the_vendor_limits(
    fakes: FakeVendors,
) -> None:
    variables = fakes.variables() | {
        "RATE_LIMIT_ENABLED": "false",
        "PM33_LIMIT_OPENAI_REQUESTS": "1",
    }
    limited = Reply(429, {"error": {}}, headers=("retry-after: 30",))
    fakes.routes[CHAT] = saying(chat(), chat(), limited)
    async with open_resources(read_config(variables)) as resources:
        for _ in range(2):
            await ask_openai(resources.clients)
        client = (await resources.clients.openai()).with_options(max_retries=0)
        for error in (sdk("openai").RateLimitError, VendorLimitedError):
            with pytest.raises(error):
                await client.chat.completions.create(model="gpt", messages=HELLO)
