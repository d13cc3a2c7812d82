"""Every read against a vendor of its own kind: real HTTP in between, exact classes."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.backend.config.environment import Config, read_config
from app.backend.health.checks.vendor import Vendor, reach
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.fake_vendors import (
    PIECES,
    RETRY_AFTER,
    Behaviour,
    FakeVendors,
    fake_vendors,
)
from tests.support.vendor_classes import expected, status_of
from tests.support.vendor_voices import KEYS, VOICES, Reply

DEADLINE = 20.0
SHORT = 0.3
VOICE_OF = dict(zip(VOICES, VENDORS, strict=True))

# That nothing comes looks the same from everybody.
ALIKE = {Behaviour.HANG, Behaviour.HANG_IN_BODY, Behaviour.COMPRESSED}
CELLS = [
    pytest.param(
        voice,
        behaviour,
        marks=[pytest.mark.full] if behaviour in ALIKE and voice != "stripe" else [],
    )
    for voice in VOICES
    for behaviour in Behaviour
]


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


@pytest.fixture(scope="module")
def trusted() -> ssl.SSLContext:
    """Reading the certificates takes longer than a cell."""
    return httpx.create_ssl_context()


@pytest.fixture
async def client(trusted: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=trusted, trust_env=False) as opened:
        yield opened


def configured(fakes: FakeVendors, **changes: str) -> Config:
    return read_config({**fakes.variables(), **changes})


async def asked(
    vendor: Vendor, client: httpx.AsyncClient, config: Config, seconds: float = DEADLINE
) -> CheckResult:
    result = await reach(vendor, client, config, timeout=seconds)
    assert result is not None
    return result


@pytest.mark.parametrize(("voice", "behaviour"), CELLS)
async def test_each_answer_of_each_vendor_has_its_exact_class(
    fakes: FakeVendors, client: httpx.AsyncClient, voice: str, behaviour: Behaviour
) -> None:
    failure = expected(voice, behaviour)
    fakes.behaviours[voice] = behaviour
    seconds = SHORT if failure is Failure.TIMEOUT else DEADLINE
    result = await asked(VOICE_OF[voice], client, configured(fakes), seconds)
    assert result.failure is failure
    assert result.status is status_of(failure)
    if failure:
        assert result.message
        assert result.remedy
    assert len(fakes.asked_of(voice)) == len(fakes.asked) == 1
    for secret in (*KEYS.values(), "sk-quoted"):
        assert secret not in repr(result)


@pytest.mark.parametrize("voice", [one for one in VOICES if one != "sentry_ingest"])
async def test_a_credential_that_the_vendor_does_not_know_is_refused(
    fakes: FakeVendors, client: httpx.AsyncClient, voice: str
) -> None:
    variable = VOICE_OF[voice].variables[0]
    stale = fakes.variables()[variable].replace(KEYS[voice][-6:], "zzzzzz")
    config = configured(fakes, **{variable: stale})
    result = await asked(VOICE_OF[voice], client, config)
    assert result.failure is Failure.AUTH
    assert "zzzzzz" not in repr(result)


@pytest.mark.parametrize("voice", VOICES)
async def test_nothing_is_asked_that_could_write(
    fakes: FakeVendors, client: httpx.AsyncClient, voice: str
) -> None:
    await asked(VOICE_OF[voice], client, configured(fakes))
    (one,) = fakes.asked
    assert f"{one.method} {one.path}" == VOICES[voice].route
    assert one.headers["accept-encoding"] == "identity"
    if one.method == "POST":
        assert one.body in {
            b"",
            b'{"text": ""}',
            b'{"api_key": "%s", "distinct_id": "pm33-health", "disable_flags": true}'
            % KEYS["posthog"].encode(),
        }


@pytest.mark.parametrize("voice", VOICES)
async def test_nobody_is_asked_without_a_credential_or_if_disabled(
    fakes: FakeVendors, client: httpx.AsyncClient, voice: str
) -> None:
    vendor = VOICE_OF[voice]
    bare = read_config({"ENVIRONMENT": "production"})
    off = configured(fakes, PM33_DISABLED_SERVICES=vendor.name.upper())
    assert await reach(vendor, client, bare, timeout=DEADLINE) is None
    assert await reach(vendor, client, off, timeout=DEADLINE) is None
    assert not fakes.asked


async def test_the_vendors_wish_to_be_left_alone_is_kept(
    fakes: FakeVendors, client: httpx.AsyncClient
) -> None:
    fakes.behaviours["openai"] = Behaviour.RATE_LIMITED_FOR
    result = await asked(VOICE_OF["openai"], client, configured(fakes))
    assert result.data == {"http_status": 429, "retry_after_s": RETRY_AFTER}
    assert result.retry_after == RETRY_AFTER


async def test_a_long_body_is_not_read_to_its_end(
    fakes: FakeVendors, client: httpx.AsyncClient
) -> None:
    fakes.behaviours["resend"] = Behaviour.OVERSIZED
    await asked(VOICE_OF["resend"], client, configured(fakes))
    assert fakes.pieces < PIECES
    fakes.behaviours.clear()
    result = await asked(VOICE_OF["resend"], client, configured(fakes))
    assert result.status is Status.HEALTHY


async def test_a_redirect_carries_the_key_nowhere(fakes: FakeVendors) -> None:
    async with fake_vendors() as other:
        to = f"location: {other.url}/openai/v1/models"
        fakes.replies["openai"] = Reply(302, "", headers=(to,))
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
            result = await asked(VOICE_OF["openai"], client, configured(fakes))
        assert result.failure is Failure.INTERNAL
        assert not other.asked


async def test_one_that_hangs_delays_no_other(
    fakes: FakeVendors, client: httpx.AsyncClient
) -> None:
    fakes.behaviours["anthropic"] = Behaviour.HANG
    config = configured(fakes)
    hanging = asyncio.create_task(reach(VENDORS[0], client, config, timeout=DEADLINE))
    rest = (reach(one, client, config, timeout=DEADLINE) for one in VENDORS[1:])
    results = await asyncio.gather(*rest)
    assert {result.status for result in results if result} == {Status.HEALTHY}
    assert not hanging.done()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging


async def test_a_hanging_vendor_is_given_up_in_time(
    fakes: FakeVendors, client: httpx.AsyncClient
) -> None:
    fakes.behaviours["stripe"] = Behaviour.HANG
    began = time.monotonic()
    result = await asked(VOICE_OF["stripe"], client, configured(fakes), SHORT)
    assert result.failure is Failure.TIMEOUT
    assert time.monotonic() - began < SHORT + DEADLINE / 4


async def test_no_key_is_logged(
    fakes: FakeVendors, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # As the service has it: at INFO httpx tells whole addresses, a webhook's, too.
    caplog.set_level(logging.WARNING, logger="httpx")
    for vendor in VENDORS:
        await asked(vendor, client, configured(fakes))
    assert not [key for key in KEYS.values() if key in caplog.text]
