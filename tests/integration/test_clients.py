"""The application's own clients: real SDKs over real HTTP, against vendors' fakes."""

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import psutil
import pytest

from app.backend.clients import CLIENTS
from app.backend.config.environment import read_config
from app.backend.resources import Resources, open_resources
from app.errors import ConfigError, VendorLimitedError
from tests.support.clients import (
    FOR_OPENAI,
    HELLO,
    ask_claude,
    ask_openai,
    clients_of,
    fakes_for_calls,
    sdk,
)
from tests.support.fake_vendors import FakeVendors, closed_port
from tests.support.processes import eventually
from tests.support.vendor_traffic import CHAT, chat, saying
from tests.support.vendor_voices import KEYS, Reply

STRIPES = {"authorization": f"Bearer {KEYS['stripe']}"}
NO_QUOTA = {"error": {"code": "insufficient_quota"}}


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fakes_for_calls() as served:
        yield served


async def test_each_client_reaches_its_vendor_with_its_key(fakes: FakeVendors) -> None:
    async with clients_of(fakes) as clients:
        said = await ask_claude(clients)
        chatted = await ask_openai(clients)
        together = await clients.together()
        await together.chat.completions.create(model="llama", messages=HELLO)
        pinecone = await clients.pinecone()
        names = [one async for one in pinecone.indexes.list()]
        async with await pinecone.index(host=fakes.url) as index:
            await index.query(vector=[0.1], top_k=1)
        stripe = await clients.stripe()
        balance = await stripe.get("/v1/balance")
        counts = {name: clients.outcomes[name].successes for name in CLIENTS}

    assert said.content[0].text == chatted.choices[0].message.content == "Hello."
    assert names == []
    assert balance.json()["livemode"] is False
    assert counts == {
        "anthropic": 1,
        "openai": 1,
        "together": 1,
        "pinecone": 2,
        "stripe": 1,
    }
    sent = {one.path: one.headers for one in fakes.asked}
    for path, name in (
        ("/anthropic/v1/messages", "anthropic"),
        ("/openai/v1/chat/completions", "openai"),
        ("/together/v1/chat/completions", "together"),
        ("/stripe/v1/balance", "stripe"),
    ):
        assert sent[path]["authorization"] == f"Bearer {KEYS[name]}"
    assert sent["/query"]["api-key"] == KEYS["pinecone"]
    assert sent["/stripe/v1/balance"]["stripe-version"]


async def test_nothing_of_openai_is_sent_to_together(
    fakes: FakeVendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FOR_OPENAI.items():
        monkeypatch.setenv(name, value)
    async with clients_of(fakes) as clients:
        together = await clients.together()
        for client in (together, together.with_options(timeout=30)):
            await client.chat.completions.create(model="llama", messages=HELLO)

    assert len(fakes.asked) == 2
    for one in fakes.asked:
        assert one.headers["authorization"] == f"Bearer {KEYS['together']}"
        assert "canary" not in repr(one)


async def test_a_client_is_one_for_the_process(fakes: FakeVendors) -> None:
    async with clients_of(fakes) as clients:
        first, second = await asyncio.gather(clients.stripe(), clients.stripe())
        assert first is second is await clients.stripe()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": "sk-x", "PM33_DISABLED_SERVICES": "openai"}, "disabled"),
    ],
)
async def test_what_is_not_configured_says_so(
    variables: dict[str, str], said: str
) -> None:
    async with open_resources(read_config(variables)) as resources:
        with pytest.raises(ConfigError, match=said):
            await resources.clients.openai()


async def test_silence_is_counted_and_no_key_is_in_any_error(
    fakes: FakeVendors,
) -> None:
    variables = fakes.variables()
    nobody = f"http://127.0.0.1:{closed_port()}"
    variables |= {f"HEALTH_{name.upper()}_BASE_URL": nobody for name in CLIENTS}
    async with open_resources(read_config(variables)) as resources:
        clients = resources.clients
        openai_ = (await clients.openai()).with_options(max_retries=0)
        with pytest.raises(sdk("openai").APIConnectionError) as refused:
            await openai_.models.list()
        stripe = await clients.stripe()
        with pytest.raises(httpx.ConnectError):
            await stripe.get("/v1/balance")
        seen = {name: clients.outcomes[name].silences for name in CLIENTS}
        pinecone = await clients.pinecone()
        shown = repr([refused.value, resources, clients, stripe, pinecone])

    assert (seen["openai"], seen["stripe"]) == (1, 1)
    assert not [key for key in KEYS.values() if key in shown]


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
async def test_a_client_of_another_package_takes_part(
    fakes: FakeVendors, library: str
) -> None:
    async with (
        clients_of(fakes, STRIPE_REQUESTS=1) as clients,
        sdk(library).AsyncClient(headers=STRIPES) as own,
    ):
        clients.watch("stripe", own)
        assert (await own.get(f"{fakes.url}/stripe/v1/nothing")).status_code == 404
        with pytest.raises(VendorLimitedError):
            await own.get(f"{fakes.url}/stripe/v1/balance")
        [refused] = clients.outcomes["stripe"].unrefuted()

    assert (refused.method, refused.status) == ("GET", 404)


async def test_a_customers_own_key_tells_nothing_of_ours(fakes: FakeVendors) -> None:
    fakes.routes[CHAT] = saying(
        Reply(429, NO_QUOTA, headers=("retry-after: 60",)),
        chat(),
    )
    async with clients_of(fakes, OPENAI_REQUESTS=2) as clients:
        client = await clients.openai()
        theirs = client.with_options(api_key="sk-of-a-customer", max_retries=0)
        with pytest.raises(sdk("openai").RateLimitError):
            await theirs.chat.completions.create(model="gpt", messages=HELLO)
        seen = clients.outcomes["openai"]
        assert not [*seen.unrefuted()]
        await theirs.chat.completions.create(model="gpt", messages=HELLO)
        assert (seen.successes, seen.failures) == (0, 0)
        with pytest.raises(VendorLimitedError):
            await ask_openai(clients)


async def test_a_proxy_that_is_set_stays_in_use(
    fakes: FakeVendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with clients_of(fakes) as clients:
        client = (await clients.openai()).with_options(max_retries=0)
        with pytest.raises(sdk("openai").APIConnectionError):
            await client.models.list()
        assert clients.outcomes["openai"].silences == 1
    assert not fakes.asked


async def test_after_the_end_nothing_is_left_open(fakes: FakeVendors) -> None:
    def connections() -> int:
        port = int(fakes.url.rpartition(":")[2])
        own = psutil.Process(os.getpid()).net_connections("tcp")
        return sum(bool(one.raddr) and one.raddr.port == port for one in own)

    resources = Resources.of(read_config(fakes.variables()))
    clients = resources.clients
    await ask_claude(clients)
    await ask_openai(clients)
    pinecone = await clients.pinecone()
    index = await pinecone.index(host=fakes.url)
    await index.query(vector=[0.1], top_k=1)
    await (await clients.stripe()).get("/v1/balance")
    stripe = await clients.stripe()
    assert connections() >= 4
    await resources.close()

    assert stripe.is_closed
    await eventually(lambda: not connections())
    # Only the test itself is left.
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    # It may be opened again.
    assert not (await clients.stripe()).is_closed
    await resources.close()
