"""Asks a vendor over HTTP: bounded in time and size, and nothing is followed."""

import asyncio
import errno
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from app.backend.health.checks.vendor import Answer, Fault, Read
from app.backend.health.models import Failure

__all__ = ["ask", "open_client"]

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT})
_OWN_SHARE = 0.8
_CAUSES: tuple[tuple[type[BaseException], Failure, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        Failure.TLS,
        "the certificate of {host} cannot be trusted",
    ),
    (ssl.SSLError, Failure.TLS, "TLS with {host} failed"),
    (socket.gaierror, Failure.DNS, "the name {host} cannot be resolved"),
    (TimeoutError, Failure.TIMEOUT, "no answer from {host} in time"),
    (httpx.TimeoutException, Failure.TIMEOUT, "no answer from {host} in time"),
    (ConnectionRefusedError, Failure.REFUSED, "{host} refused the connection"),
)
_REACH = "See whether this machine may reach it, and whether the address is right."


def open_client() -> httpx.AsyncClient:
    """A client that keeps no connection, and so holds no memory between two reads.

    Nobody waits for somebody else's connection: attempts in flight are few already.

    Raises:
        OSError: the certificates that ``SSL_CERT_FILE`` names cannot be read.
        ValueError: a proxy's address cannot be used.
        ImportError: a proxy's protocol needs what is not installed.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, timeout=None)  # noqa: S113 - ask() sets it


async def ask(client: httpx.AsyncClient, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - a deadline for several awaits
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
        return Answer(fault=_fault(Failure.TIMEOUT, message))
    except (
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
        # Their texts quote the header, and so the secret.
        httpx.LocalProtocolError,
        UnicodeError,
    ):
        return _unsendable()
    except (httpx.TransportError, OSError) as error:
        return Answer(fault=_no_answer(error, host))


async def _exchange(
    client: httpx.AsyncClient,
    read: Read,
    timeout: float,  # noqa: ASYNC109 - as above
) -> Answer:
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
    try:
        try:
            body = await _bounded(response, read.most)
        except httpx.TransportError:
            fault = _unreadable("its body broke off")
            return Answer(
                status=response.status_code, headers=_headers(response), fault=fault
            )
        return _answer(response, body)
    finally:
        await response.aclose()


async def _bounded(response: httpx.Response, most: int) -> bytes | None:
    """The body; None where it is longer than that."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _answer(response: httpx.Response, body: bytes | None) -> Answer:
    headers = _headers(response)
    value, text, fault = None, "", None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body is None:
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
        status=response.status_code,
        headers=headers,
        body=value,
        text=text,
        fault=fault,
    )


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _unreadable(message: str) -> Fault:
    remedy = "See whether a proxy or firewall answers in the vendor's place."
    return Fault(
        failure=Failure.INTERNAL, message=message, remedy=remedy, answered=True
    )


def _unsendable() -> Answer:
    return Answer(
        fault=Fault(
            failure=Failure.CONFIG,
            message="the request cannot be written with these values",
            remedy="Look for blanks, line breaks or letters beyond ASCII in the key,"
            " and for a mistake in the address.",
        )
    )


def _no_answer(error: Exception, host: str) -> Fault:
    """What kept it from coming, by the first cause that tells (httpx wraps it)."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
            return _fault(Failure.TIMEOUT, f"there is no route to {host}")
        for kind, failure, message in _CAUSES:
            if isinstance(cause, kind):
                temporary = getattr(cause, "errno", None) == socket.EAI_AGAIN
                fault = _fault(failure, message.format(host=host))
                return replace(fault, transient=failure is Failure.DNS and temporary)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return _fault(Failure.REFUSED, f"{host} closed the connection unanswered")
    return _fault(Failure.REFUSED, f"no connection to {host}")


def _fault(failure: Failure, message: str) -> Fault:
    return Fault(failure=failure, message=message, remedy=_REACH)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _host(url: str) -> str:
    """Where it was sent, without whatever else the address carries."""
    try:
        return urlsplit(url).hostname or "the host"
    except ValueError:
        return "the host"
