"""Every read by the vendor's own SDK: real SDKs and real HTTP, the same exact classes.

No cell is left out: what an SDK itself would lose is seen beneath it. What that is, and
where an SDK does otherwise by its own right:

===========================  ==========================================================
of the SDKs                  seen beneath them instead
===========================  ==========================================================
all: a body that breaks off  the status, lost in "connection error", so that it would
                             look like a vendor that gives no answer
all: a body without end      its first bytes; the SDKs read it to the end
openai: Together's list      the list, which is bare; the SDK's parser raises
pinecone: a body of another  that it is readable JSON; the SDK raises what it raises
shape                        for a broken one
anthropic: a key with        nothing: the SDK sends such letters as UTF-8, where httpx
letters beyond ASCII         sends none; the vendor refuses it (auth, not config)
===========================  ==========================================================
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which

import pytest

from app.backend.config.environment import Config, read_config
from app.backend.config.settings import SDK_CHECKS
from app.backend.health.checks.vendor import Vendor
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendor_sdk import SdkAsking
from app.backend.health.checks.vendor_sdks import SDKS, sdk_asking
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.bare_servers import plain_server, tls_server
from tests.support.canned_http import still_open
from tests.support.clients import FOR_OPENAI
from tests.support.fake_vendors import (
    PIECES,
    Behaviour,
    FakeVendors,
    closed_port,
    fake_vendors,
)
from tests.support.vendor_classes import expected, status_of
from tests.support.vendor_voices import KEYS, VOICES, Reply

DEADLINE = 20.0
SHORT = 0.5
BY_NAME = {vendor.name: vendor for vendor in VENDORS if vendor.name in SDK_CHECKS}
# The others take a second each to import.
QUICK = "openai"
HANGING = {Behaviour.HANG, Behaviour.HANG_IN_BODY}
CELLS = [
    pytest.param(name, behaviour, marks=[] if name == QUICK else [pytest.mark.full])
    for name in SDKS
    for behaviour in Behaviour
]
EACH = [
    pytest.param(name, marks=[] if name == QUICK else [pytest.mark.full])
    for name in SDKS
]


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


def configured(fakes: FakeVendors, **changes: str) -> Config:
    return read_config({**fakes.variables(), **changes})


def elsewhere(name: str, url: str) -> dict[str, str]:
    return {f"HEALTH_{name.upper()}_BASE_URL": url}


@asynccontextmanager
async def opened(
    name: str, config: Config, seconds: float = DEADLINE
) -> AsyncIterator[SdkAsking]:
    asking = sdk_asking(name, config, seconds)
    await asking.open()
    try:
        yield asking
    finally:
        await asking.close()


async def put(
    asking: SdkAsking | VendorPool,
    vendor: Vendor,
    config: Config,
    seconds: float = DEADLINE,
) -> CheckResult:
    read = vendor.read(config)
    assert read is not None
    return vendor.judge(await asking.ask(read, timeout=seconds), config)


async def asked(name: str, config: Config, seconds: float = DEADLINE) -> CheckResult:
    async with opened(name, config, seconds) as asking:
        return await put(asking, BY_NAME[name], config, seconds)


def test_the_checks_that_know_an_sdk_are_those_that_there_is_one_for() -> None:
    assert SDKS.keys() == SDK_CHECKS == BY_NAME.keys()


@pytest.mark.parametrize(("name", "behaviour"), CELLS)
async def test_each_answer_has_the_same_class_as_over_plain_http(
    fakes: FakeVendors, name: str, behaviour: Behaviour
) -> None:
    failure = expected(name, behaviour)
    config = configured(fakes)
    fakes.behaviours[name] = behaviour
    seconds = SHORT if behaviour in HANGING else DEADLINE
    result = await asked(name, config, seconds)
    assert len(fakes.asked_of(name)) == len(fakes.asked) == 1

    pool = VendorPool()
    plain = await put(pool, BY_NAME[name], config, seconds)
    await pool.close()

    assert (result.status, result.failure) == (status_of(failure), failure)
    assert _facts(result) == _facts(plain)
    assert bool(result.message and result.remedy) is bool(failure)
    for secret in (*KEYS.values(), "sk-quoted"):
        assert secret not in repr(result)


def _facts(result: CheckResult) -> tuple[object, ...]:
    # Of a body in another shape the SDK says no more than that it cannot be read.
    data = {name: value for name, value in result.data.items() if value != "unreadable"}
    return result.status, result.failure, data, result.retry_after


@pytest.mark.parametrize("name", EACH)
async def test_a_key_that_the_vendor_does_not_know_is_refused(
    fakes: FakeVendors, name: str
) -> None:
    variable = BY_NAME[name].variables[0]
    stale = KEYS[name].replace(KEYS[name][-6:], "zzzzzz")
    result = await asked(name, configured(fakes, **{variable: stale}))
    assert result.failure is Failure.AUTH
    assert "zzzzzz" not in repr(result)


@pytest.mark.parametrize("name", EACH)
async def test_the_request_is_the_sdks_own_and_the_same_read(
    fakes: FakeVendors, name: str
) -> None:
    await asked(name, configured(fakes))
    (one,) = fakes.asked
    assert f"{one.method} {one.path}" == VOICES[name].route
    assert one.headers["accept-encoding"] == "identity"
    assert "pm33" not in one.headers["user-agent"]


async def test_nothing_of_openai_is_sent_to_together(
    fakes: FakeVendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FOR_OPENAI.items():
        monkeypatch.setenv(name, value)
    result = await asked("together", configured(fakes))

    assert result.status is Status.HEALTHY
    (one,) = fakes.asked
    assert one.headers["authorization"] == f"Bearer {KEYS['together']}"
    assert "canary" not in repr(one)


@pytest.mark.parametrize("name", EACH)
async def test_a_closed_port_is_refused(fakes: FakeVendors, name: str) -> None:
    there = elsewhere(name, f"http://127.0.0.1:{closed_port()}")
    result = await asked(name, configured(fakes, **there))
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.REFUSED)
    assert "127.0.0.1 refused the connection" in result.message


@pytest.mark.parametrize("name", EACH)
async def test_a_name_that_nobody_has_is_dns(fakes: FakeVendors, name: str) -> None:
    there = elsewhere(name, "https://vendor.invalid")
    result = await asked(name, configured(fakes, **there))
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.DNS)


@pytest.mark.parametrize("name", EACH)
async def test_a_server_without_tls_is_tls(fakes: FakeVendors, name: str) -> None:
    async with plain_server(b"HTTP/1.1 400 Bad\r\n\r\n") as port:
        there = elsewhere(name, f"https://127.0.0.1:{port}")
        result = await asked(name, configured(fakes, **there))
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.TLS)


@pytest.mark.skipif(which("openssl") is None, reason="openssl makes the certificate")
@pytest.mark.parametrize("name", EACH)
async def test_a_certificate_that_nobody_signed_is_tls(
    fakes: FakeVendors, name: str, tmp_path: Path
) -> None:
    async with tls_server(tmp_path) as port:
        there = elsewhere(name, f"https://127.0.0.1:{port}")
        result = await asked(name, configured(fakes, **there))
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.TLS)
    assert "the certificate of 127.0.0.1 cannot be trusted" in result.message


@pytest.mark.parametrize("key", ["two\nlines", "ümlaut"], ids=repr)
@pytest.mark.parametrize("name", EACH)
async def test_a_key_that_cannot_be_sent_is_a_fault_of_configuration_and_not_shown(
    fakes: FakeVendors, name: str, key: str
) -> None:
    variable = BY_NAME[name].variables[0]
    result = await asked(name, configured(fakes, **{variable: key}))
    assert key not in repr(result)
    if (name, key) == ("anthropic", "ümlaut"):
        assert result.failure is Failure.AUTH
        return
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.CONFIG)
    assert not fakes.asked


@pytest.mark.parametrize("name", EACH)
async def test_a_long_body_is_not_read_to_its_end(
    fakes: FakeVendors, name: str
) -> None:
    config = configured(fakes)
    async with opened(name, config) as asking:
        fakes.behaviours[name] = Behaviour.OVERSIZED
        assert (await put(asking, BY_NAME[name], config)).failure is Failure.INTERNAL
        assert fakes.pieces < PIECES
        fakes.behaviours.clear()
        result = await put(asking, BY_NAME[name], config)
    assert result.status is Status.HEALTHY


@pytest.mark.parametrize("name", EACH)
async def test_a_redirect_carries_the_key_nowhere(
    fakes: FakeVendors, name: str
) -> None:
    async with fake_vendors() as other:
        to = f"location: {other.url}{VOICES[name].route.removeprefix('GET ')}"
        fakes.replies[name] = Reply(307, "", headers=(to,))
        result = await asked(name, configured(fakes))
        assert result.failure is Failure.INTERNAL
        assert not other.asked


@pytest.mark.parametrize("name", EACH)
async def test_a_hanging_vendor_is_given_up_in_time_and_nothing_stays_open(
    fakes: FakeVendors, name: str
) -> None:
    config = configured(fakes)
    async with opened(name, config, SHORT) as asking:
        fakes.behaviours[name] = Behaviour.HANG
        began = time.monotonic()
        result = await put(asking, BY_NAME[name], config, SHORT)
        assert time.monotonic() - began < SHORT + DEADLINE / 4
        assert result.failure is Failure.TIMEOUT
    assert not still_open(fakes.url)


@pytest.mark.parametrize("name", EACH)
async def test_between_two_reads_no_connection_is_kept(
    fakes: FakeVendors, name: str
) -> None:
    config = configured(fakes)
    async with opened(name, config) as asking:
        for _ in range(2):
            await put(asking, BY_NAME[name], config)
            assert not still_open(fakes.url)
    assert len(fakes.asked) == 2


@pytest.mark.parametrize("name", EACH)
async def test_no_key_is_logged(
    fakes: FakeVendors, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await asked(name, configured(fakes))
    assert KEYS[name] not in caplog.text


async def test_an_sdk_is_built_once_for_all_who_wait(fakes: FakeVendors) -> None:
    asking = sdk_asking(QUICK, configured(fakes), DEADLINE)
    await asyncio.gather(*(asking.open() for _ in range(3)))
    result = await put(asking, BY_NAME[QUICK], configured(fakes))
    assert result.status is Status.HEALTHY
    await asking.close()
    await asking.close()


async def test_an_index_need_not_be_named(fakes: FakeVendors) -> None:
    config = configured(fakes, PINECONE_INDEX="")
    async with opened("pinecone", config) as asking:
        result = await put(asking, BY_NAME["pinecone"], config)
    # The fake knows no such route: that it was asked is what counts.
    assert result.failure is Failure.CONFIG
    assert [one.path for one in fakes.asked] == ["/pinecone/indexes"]
