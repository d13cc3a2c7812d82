"""One bounded GET on a new connection, over TCP or a unix socket."""

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from app.backend.deploy.watching.clock import Clock
from app.errors import ConfigError

__all__ = ["Answer", "Origin", "Silence", "fetch"]

_OWN_FAULTS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EADDRNOTAVAIL,
    errno.ENOBUFS,
    errno.EACCES,
    errno.EPERM,
}
_NO_KEEP_ALIVE = httpx.Limits(max_connections=1, max_keepalive_connections=0)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to ask.

    Attributes:
        url: scheme, host and port, without a slash at its end.
        socket: the unix socket that is dialled instead of the host.
    """

    url: str
    socket: Path | None = None

    @classmethod
    def of_url(cls, url: str) -> "Origin":
        """Where users go.

        Raises:
            ConfigError: it is no ``http`` or ``https`` address of a host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(
                "the public address is no http(s) address",
                remedy="PM33_PUBLIC_URL=https://host",
            )
        return cls(url.rstrip("/"))

    @classmethod
    def of_socket(cls, path: Path) -> "Origin":
        """One replica, past the proxy."""
        return cls("http://replica", path)

    @property
    def is_private(self) -> bool:
        """Whether nobody between here and there can read along."""
        if self.socket is not None or self.url.startswith("https://"):
            return True
        return self.is_here

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return self.socket is not None or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        headers: names in lower case.
        body: its first bytes, as many as were asked for.
        whole: whether that is all of it.
        seconds: until its last byte, or the last that was asked for.
    """

    code: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """No whole answer.

    Attributes:
        reason: in words, without any part of the request.
        own: it was this machine that could not ask.
    """

    reason: str
    own: bool


async def fetch(
    origin: Origin,
    path: str,
    *,
    headers: Mapping[str, str],
    most: int,
    deadline: float,
    clock: Clock,
) -> Answer | Silence:
    """Asks once, follows nothing, and lets go of the connection.

    Args:
        origin: where to ask.
        path: begins with a slash.
        headers: beside those of every request.
        most: bytes of the body that are read.
        deadline: seconds for everything: name, connection, handshake and answer.
        clock: measures how long it took.
    """
    began = clock.time()
    try:
        async with asyncio.timeout(deadline):
            async with _client(origin) as client:
                return await _read(client, path, headers, most, began, clock)
    except TimeoutError:
        return Silence(f"no whole answer within {deadline:g} s", own=False)
    except (httpx.HTTPError, OSError) as error:
        return _silence(error)
    except Exception as error:  # noqa: BLE001 - nothing that breaks here is the release's
        return Silence(type(error).__name__, own=True)


async def _read(
    client: httpx.AsyncClient,
    path: str,
    headers: Mapping[str, str],
    most: int,
    began: float,
    clock: Clock,
) -> Answer:
    async with client.stream("GET", path, headers=dict(headers)) as response:
        body, whole = bytearray(), True
        # Raw: what a compressed body would become is not bounded.
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > most:
                whole = False
                break
        return Answer(
            code=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body[:most]),
            whole=whole,
            seconds=clock.time() - began,
        )


def _client(origin: Origin) -> httpx.AsyncClient:
    """A client for one request; a company's proxy is used for what is not here."""
    verify = _trusted() if origin.url.startswith("https://") else _unused()
    transport = None
    if origin.is_here:
        path = None if origin.socket is None else str(origin.socket)
        transport = httpx.AsyncHTTPTransport(
            verify=verify, limits=_NO_KEEP_ALIVE, uds=path
        )
    return httpx.AsyncClient(
        base_url=origin.url,
        transport=transport,
        verify=verify,
        limits=_NO_KEEP_ALIVE,
        trust_env=not origin.is_here,
        timeout=None,  # noqa: S113 - the deadline is for everything together
        headers={"accept-encoding": "identity", "user-agent": "pm33-probe"},
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes longer than most probes."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _unused() -> ssl.SSLContext:
    """Trusts nobody: for origins without TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _silence(error: Exception) -> Silence:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Silence("the certificate cannot be trusted", own=False)
        if isinstance(cause, ssl.SSLError):
            # Its numbers are OpenSSL's: 1 is no EPERM, which would be our own fault.
            return Silence("the TLS handshake failed", own=False)
        if isinstance(cause, OSError) and cause.errno is not None:
            unnamed = isinstance(cause, socket.gaierror)
            own = unnamed or cause.errno in _OWN_FAULTS
            words = "the name is not known" if unnamed else os.strerror(cause.errno)
            return Silence(words.lower(), own=own)
    return Silence(_words(error), own=False)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from; httpx wraps each one twice."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _words(error: Exception) -> str:
    match error:
        case httpx.RemoteProtocolError():
            return "the answer is broken off, or no HTTP"
        case httpx.ConnectError():
            return "no connection"
        case httpx.ReadError() | httpx.WriteError():
            return "the connection was cut"
        case _:
            return type(error).__name__
