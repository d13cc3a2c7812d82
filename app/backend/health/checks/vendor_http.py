"""Asks over HTTP: bounded in time and size, and nothing is followed."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from app.backend.health.checks.network_failures import (
    REACH,
    network_fault,
    no_connection,
)
from app.backend.health.checks.vendor import Answer, Fault, Read
from app.backend.health.models import Failure

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
    """A client that keeps no connection, and so holds no memory between two reads.

    Nobody waits for somebody else's connection: attempts in flight are few already.

    Raises:
        OSError: the certificates that ``SSL_CERT_FILE`` names cannot be read.
        ValueError: a proxy's address cannot be used.
        ImportError: a proxy's protocol needs what is not installed.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, timeout=None)  # noqa: S113 - fetch() sets it


async def ask(client: httpx.AsyncClient, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - a deadline for several awaits
    """Sends the one request and reads the JSON that comes; as :func:`fetch` does."""
    return _answer(await fetch(client, read, timeout=timeout))


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
        message = f"no whole answer from {host} within {timeout:g} s"
        return Fetched(
            fault=Fault(failure=Failure.TIMEOUT, message=message, remedy=REACH)
        )
    except (
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
        # Their texts quote the header, and so the secret.
        httpx.LocalProtocolError,
        UnicodeError,
    ):
        return _unsendable()
    except (httpx.TransportError, OSError) as error:
        return Fetched(fault=_no_answer(error, host))


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
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = await _bounded(response, read.most)
    except httpx.TransportError:
        fault = _unreadable("its body broke off")
        return Fetched(status=response.status_code, headers=headers, fault=fault)
    finally:
        await response.aclose()
    return Fetched(status=response.status_code, headers=headers, body=body)


async def _bounded(response: httpx.Response, most: int) -> bytes | None:
    """The body; None where it is longer than that."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _answer(fetched: Fetched) -> Answer:
    headers, body = fetched.headers, fetched.body
    value, text, fault = None, "", fetched.fault
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if fault is not None:
        pass  # there is nothing to read
    elif body is None:
        fault = _unreadable("its body is longer than any that the vendor sends")
    elif headers.get("content-encoding", "identity").lower() != "identity":
        fault = _unreadable("its body is compressed, which was not asked for")
    elif kind == "application/json" or kind.endswith("+json"):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            fault = _unreadable("its body is no JSON")
    else:
        text = body.decode(errors="replace").strip() if kind == "text/plain" else ""
        fault = _unreadable("its content type is not JSON")
    return Answer(
        status=fetched.status,
        headers=headers,
        body=value,
        text=text,
        fault=fault,
    )


def _unreadable(message: str) -> Fault:
    remedy = "See whether a proxy or firewall answers in the vendor's place."
    return Fault(
        failure=Failure.INTERNAL, message=message, remedy=remedy, answered=True
    )


def _unsendable() -> Fetched:
    return Fetched(
        fault=Fault(
            failure=Failure.CONFIG,
            message="the request cannot be written with these values",
            remedy="Look for blanks, line breaks or letters beyond ASCII in the key,"
            " and for a mistake in the address.",
        )
    )


def _no_answer(error: Exception, host: str) -> Fault:
    """What kept it from coming, by the first cause that tells (httpx wraps it)."""
    told = network_fault(error, host)
    if told is not None:
        return told
    if isinstance(error, httpx.TimeoutException):
        message = f"no answer from {host} in time"
        return Fault(failure=Failure.TIMEOUT, message=message, remedy=REACH)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        message = f"{host} closed the connection unanswered"
        return Fault(failure=Failure.REFUSED, message=message, remedy=REACH)
    return no_connection(error, host)


def _host(url: str) -> str:
    """Where it was sent, without whatever else the address carries."""
    try:
        return urlsplit(url).hostname or "the host"
    except ValueError:
        return "the host"
