"""Asks over HTTP: bounded in time and size, and nothing is followed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from app.backend.health.checks.vendor import Answer, Fault, Read
from app.backend.health.checks.vendor_replies import (
    answer_of,
    bounded,
    broken_off,
    late,
    lowered,
    silence,
    unsendable,
)

__all__ = ["Fetched", "ask", "fetch", "open_client"]

_OWN_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back, as it came; its ``repr`` shows the status and the fault alone.

    Attributes:
        status: of HTTP; 0 without an answer.
        headers: names in lower case.
        body: None: it is longer than was asked for, or broke off.
        fault: what kept the answer, or its end, from coming.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    fault: Fault | None = None


def open_client() -> httpx.AsyncClient:
    """A client that keeps neither connection nor cookie between two reads.

    Nobody waits for somebody else's connection: attempts in flight are few already. A
    cookie would go to whatever else is asked below the same domain, or keep a balancer
    at one replica.

    Raises:
        OSError: the certificates that ``SSL_CERT_FILE`` names cannot be read.
        ValueError: a proxy's address cannot be used.
        ImportError: a proxy's protocol needs what is not installed.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    nobody = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(limits=limits, cookies=nobody, timeout=None)  # noqa: S113 - fetch() sets it


async def ask(client: httpx.AsyncClient, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - a deadline for several awaits
    """Sends the one request and reads the JSON that comes; as :func:`fetch` does."""
    fetched = await fetch(client, read, timeout=timeout)
    status, headers = fetched.status, fetched.headers
    if fetched.fault is not None:
        return Answer(status=status, headers=headers, fault=fetched.fault)
    return answer_of(status, headers, fetched.body)


async def fetch(client: httpx.AsyncClient, read: Read, *, timeout: float) -> Fetched:  # noqa: ASYNC109 - as above
    """Sends the one request and reads what comes, but no more than ``read.most``.

    Args:
        client: whose pool is used; what it follows or waits for is not asked.
        read: the request.
        timeout: seconds for everything.

    Returns:
        Whatever happened: nothing that the network or the vendor does is raised.
    """
    host = _host(read.url)
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(client, read, timeout)
    except TimeoutError:
        return Fetched(fault=late(host, timeout))
    except (
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
        # Their texts quote the header, and so the secret.
        httpx.LocalProtocolError,
        UnicodeError,
    ):
        return Fetched(fault=unsendable())
    except (httpx.TransportError, OSError) as error:
        return Fetched(fault=silence(error, host))


async def _exchange(
    client: httpx.AsyncClient,
    read: Read,
    timeout: float,  # noqa: ASYNC109 - as above
) -> Fetched:
    request = client.build_request(
        read.method,
        read.url,
        # Compressed, a small body could become a large one.
        headers={
            "user-agent": "pm33-ops",
            "accept": "application/json",
            **read.headers,
            "accept-encoding": "identity",
        },
        content=read.content,
        # The deadline is for everything together. Only the handshake must give up by
        # itself, a little before: cancelled in it, httpcore leaves the socket open.
        timeout=httpx.Timeout(None, connect=timeout * _OWN_SHARE),
    )
    response = await client.send(request, stream=True, follow_redirects=False)
    status, headers = response.status_code, lowered(response.headers)
    try:
        body = await bounded(response.aiter_raw(), read.most)
    except httpx.TransportError:
        return Fetched(status=status, headers=headers, fault=broken_off())
    finally:
        await response.aclose()
    return Fetched(status=status, headers=headers, body=body)


def _host(url: str) -> str:
    """Where it was sent, without whatever else the address carries."""
    try:
        return urlsplit(url).hostname or "the host"
    except ValueError:
        return "the host"
