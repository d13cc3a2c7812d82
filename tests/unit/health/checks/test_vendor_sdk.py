import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.backend.health.checks.vendor import Answer, Read
from app.backend.health.checks.vendor_check import vendor_checks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendor_sdk import SdkAsking, SdkClient
from app.backend.health.checks.vendor_witness import WithheldError, Witness
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import Failure
from tests.support.judging import config_of

READ = Read(url="https://nobody.invalid/", headers={}, most=100)
JSON = {"Content-Type": "application/json"}


class TransportError(Exception):
    """Of a library that nobody knows, but for its names."""


class ReadError(TransportError): ...


class TimeoutException(TransportError): ...  # noqa: N818 - httpx calls it so


class LocalProtocolError(TransportError): ...


class SdkError(Exception): ...


class Stream:
    """A body in pieces, which may end with an error."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces, self._error = pieces, error
        self.taken = self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            yield piece
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed += 1


class Response:
    def __init__(self, stream: Any, status: int = 200, **headers: str) -> None:
        self.status_code, self.stream = status, stream
        self.headers = JSON | {k.replace("_", "-"): v for k, v in headers.items()}


def sdk(*, error: Exception | None = None, response: Any = None) -> SdkAsking:
    """Gets that response, then raises that, as an SDK does."""
    witness = Witness(bytes)

    async def read(_: float) -> None:
        if response is not None:
            await witness.observe(response)
        if error is not None:
            raise SdkError("canary") from error

    async def close() -> None:
        """Nothing is open."""

    return SdkAsking(lambda: SdkClient("vendor", witness, read, close))


async def said(**behaviour: Any) -> Answer:
    return await sdk(**behaviour).ask(READ, timeout=30)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(), Failure.REFUSED),
        (ssl.SSLError(), Failure.TLS),
        (TimeoutError(), Failure.TIMEOUT),
        (TimeoutException(), Failure.TIMEOUT),
        (ReadError(), Failure.REFUSED),
        (TransportError(), Failure.REFUSED),
        (LocalProtocolError(), Failure.CONFIG),
        (UnicodeEncodeError("ascii", "ü", 0, 1, ""), Failure.CONFIG),
        (KeyError("surprise"), Failure.CONFIG),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_an_sdk_raises_without_an_answer_is_told_by_its_cause(
    error: Exception, failure: Failure
) -> None:
    answer = await said(error=error)
    assert answer.fault is not None
    assert (answer.fault.failure, answer.fault.answered) == (failure, False)
    assert "canary" not in answer.fault.message


async def test_an_sdk_that_fails_by_itself_is_told_from_a_key_that_cannot_be_sent() -> (
    None
):
    failed = (await said(error=AttributeError("surprise"))).fault
    unsendable = (await said(error=LocalProtocolError())).fault
    assert failed is not None
    assert unsendable is not None
    assert "(SdkError)" in failed.message
    assert "PROBE=http" in failed.remedy
    assert "SDK" not in unsendable.message


async def test_an_answer_counts_whatever_the_sdk_makes_of_it() -> None:
    for error in (None, KeyError()):
        stream = Stream(b'{"error": ', b"{}}")
        answer = await said(response=Response(stream, status=429), error=error)
        assert (answer.status, answer.body, answer.fault) == (429, {"error": {}}, None)
        assert stream.closed == 1


async def test_what_the_sdk_cannot_make_sense_of_is_unreadable() -> None:
    answer = await said(response=Response(Stream(b"{}")), error=KeyError())
    assert answer.fault is not None
    assert (answer.status, answer.fault.failure) == (200, Failure.INTERNAL)
    assert answer.fault.answered


async def test_a_body_that_breaks_off_keeps_its_status() -> None:
    answer = await said(response=Response(Stream(b"{", error=ReadError()), 503))
    assert answer.fault is not None
    assert (answer.status, answer.fault.message) == (503, "its body broke off")


async def test_a_body_that_comes_too_late_is_no_answer() -> None:
    answer = await said(response=Response(Stream(b"{", error=TimeoutException())))
    assert answer.fault is not None
    assert (answer.status, answer.fault.failure) == (0, Failure.TIMEOUT)


async def test_of_a_body_without_end_no_more_is_taken_than_may_be() -> None:
    stream = Stream(*[b"x" * 60] * 1000)
    witness = Witness(bytes)
    witness.expect(100)
    with pytest.raises(WithheldError):
        await witness.observe(Response(stream))
    assert stream.taken == 2
    assert witness.answer is not None
    assert witness.answer.fault is not None


async def test_what_is_compressed_is_not_handed_on_to_be_unpacked() -> None:
    witness, stream = Witness(bytes), Stream(b"small")
    witness.expect(100)
    response = Response(stream, Content_Encoding="gzip")
    with pytest.raises(WithheldError):
        await witness.observe(response)
    assert response.stream is stream
    assert witness.answer is not None
    assert witness.answer.fault is not None


async def test_an_answer_is_forgotten_before_the_next() -> None:
    witness = Witness(bytes)
    witness.expect(100)
    await witness.observe(Response(Stream(b"{}")))
    assert witness.answer is not None
    witness.expect(100)
    assert witness.answer is None


async def test_an_sdk_that_hangs_is_given_up() -> None:
    async def hang(_: float) -> None:
        await asyncio.get_running_loop().create_future()

    async def close() -> None:
        """Nothing is open."""

    asking = SdkAsking(lambda: SdkClient("vendor", Witness(bytes), hang, close))
    answer = await asking.ask(READ, timeout=0.05)
    assert answer.fault is not None
    assert answer.fault.failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ImportError("no such SDK"), True),
        (FileNotFoundError("no certificates"), True),
        (SdkError("canary"), False),
        (ValueError("canary"), False),
    ],
    ids=repr,
)
async def test_an_sdk_that_cannot_be_built_is_a_fault_of_configuration(
    error: Exception, *, raised: bool
) -> None:
    def refuse() -> SdkClient:
        raise error

    asking = SdkAsking(refuse)
    if raised:
        with pytest.raises(type(error)):
            await asking.open()
        return
    await asking.open()
    answer = await asking.ask(READ, timeout=30)
    assert answer.fault is not None
    assert answer.fault.failure is Failure.CONFIG
    assert type(error).__name__ in answer.fault.message
    assert "canary" not in repr(answer)
    await asking.close()


def test_only_those_that_are_to_be_are_asked_by_sdk() -> None:
    pool = VendorPool()
    config = config_of(HEALTH_OPENAI_PROBE="sdk", HEALTH_STRIPE_PROBE="sdk")
    by_sdk = [
        check.name
        for check in vendor_checks(VENDORS, config, pool)
        if check._asking is not pool
    ]
    assert by_sdk == ["openai"]
