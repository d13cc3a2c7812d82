"""What the network does to a read: each fault by its own class, over real sockets."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which

import httpx
import pytest

from app.backend.health.checks.vendor import Answer, Read
from app.backend.health.checks.vendor_http import ask
from app.backend.health.models import Failure
from tests.support.bare_servers import plain_server, tls_server
from tests.support.canned_http import still_open
from tests.support.fake_vendors import FakeVendors, closed_port, fake_vendors

DEADLINE = 20.0
# Ends a wait for nothing; the handshake gives up at four fifths of it.
SHORT = 1.5


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


async def test_a_closed_port_is_refused(client: httpx.AsyncClient) -> None:
    answer = await get(client, f"http://127.0.0.1:{closed_port()}/")
    assert said(answer) == (Failure.REFUSED, "127.0.0.1 refused the connection")


async def test_a_name_that_nobody_has_is_dns(client: httpx.AsyncClient) -> None:
    answer = await get(client, "https://vendor.invalid/")
    assert said(answer) == (
        Failure.DNS,
        "the name vendor.invalid cannot be resolved",
    )


@pytest.mark.skipif(which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_that_nobody_signed_is_tls(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with tls_server(tmp_path) as port:
        answer = await get(client, f"https://127.0.0.1:{port}/")
    assert said(answer) == (
        Failure.TLS,
        "the certificate of 127.0.0.1 cannot be trusted",
    )
    assert answer.fault is not None
    assert "SSL_CERT_FILE" in answer.fault.remedy


async def test_a_server_without_tls_is_tls(client: httpx.AsyncClient) -> None:
    async with plain_server(b"HTTP/1.1 400 Bad\r\n\r\n") as port:
        answer = await get(client, f"https://127.0.0.1:{port}/")
    assert said(answer) == (Failure.TLS, "TLS with 127.0.0.1 failed")
    assert answer.fault is not None
    assert "speaks TLS" in answer.fault.remedy


async def test_a_handshake_that_hangs_is_a_timeout_and_leaves_no_socket(
    client: httpx.AsyncClient,
) -> None:
    async with plain_server(b"") as port:
        read = Read(url=f"https://127.0.0.1:{port}/", headers={})
        answer = await ask(client, read, timeout=SHORT)
        assert said(answer)[0] is Failure.TIMEOUT
        assert not still_open(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "key", ["two\nlines", "ümlaut", "nul\0", "trailing "], ids=repr
)
async def test_a_key_that_cannot_be_sent_is_a_fault_of_configuration_and_not_shown(
    fakes: FakeVendors, client: httpx.AsyncClient, key: str
) -> None:
    read = Read(url=fakes.url, headers={"authorization": f"Bearer {key}"})
    answer = await ask(client, read, timeout=DEADLINE)
    failure, message = said(answer)
    assert failure is Failure.CONFIG
    assert key not in message
    assert not fakes.asked


@pytest.mark.parametrize("url", ["", "ftp://x/", "http://[::1", "http://x:y/"])
async def test_an_address_that_is_none_is_a_fault_of_configuration(
    client: httpx.AsyncClient, url: str
) -> None:
    assert said(await get(client, url))[0] is Failure.CONFIG


async def get(client: httpx.AsyncClient, url: str) -> Answer:
    return await ask(client, Read(url=url, headers={}), timeout=DEADLINE)


def said(answer: Answer) -> tuple[Failure | None, str]:
    fault = answer.fault
    return (fault.failure, fault.message) if fault else (None, "")
