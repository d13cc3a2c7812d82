"""The one wrapper around a client's transport.

httpx and httpx2 have the same interface, but each wants classes of its own: see
``over_httpx.py`` and ``over_httpx2.py``. The SDKs stay as they are, and each of their
retries is a call like any other.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, ClassVar

from app.backend.clients.call import Call, Watch

__all__ = ["WatchedStream", "WatchedTransport", "watch_client"]


class WatchedStream:
    """A body that is handed on piece by piece, as it comes.

    Args:
        inner: the body.
        call: hears of each piece, and of the end.
    """

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._inner)
        try:
            async for piece in pieces:
                self._call.saw(piece)
                yield piece
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def aclose(self) -> None:
        """Ends the call as well, whatever the connection does."""
        try:
            await self._inner.aclose()
        finally:
            self._call.ended()


class WatchedTransport:
    """Sends what may be sent, and tells what comes of it.

    Args:
        inner: the client's own transport.
        watch: of the vendor.
    """

    stream: ClassVar[type[WatchedStream]]

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def handle_async_request(self, request: Any) -> Any:
        """Sends one request, when it may go.

        Raises:
            VendorLimitedError: it may not; nothing was sent.
        """
        call = await self._watch.begin(request.method, request.headers, _body(request))
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            call.lost(error)
            raise
        call.answered(response.status_code, response.headers)
        response.stream = self.stream(response.stream, call)
        return response

    async def aclose(self) -> None:
        """Closes the client's own transport."""
        await self._inner.aclose()


def watch_client(client: Any, watch: Watch) -> None:
    """Puts a watch into an ``AsyncClient`` of httpx or httpx2.

    Whatever its transports were made with stays: sockets' options, limits, proxies.
    No public way leads to them, since naming a transport switches proxies off.
    """
    wrap = _adapter(client)
    client._transport = wrap(client._transport, watch)  # noqa: SLF001 - as above
    mounts: dict[Any, Any] = client._mounts  # noqa: SLF001 - as above
    for pattern, transport in mounts.items():
        if transport is not None:
            mounts[pattern] = wrap(transport, watch)
    # The only encoding in which a glimpse of the body can be unpacked.
    headers: Mapping[str, str] = client.headers
    client.headers = {**headers, "accept-encoding": "gzip"}


def _adapter(client: Any) -> type[WatchedTransport]:
    """By the library that the client is of: an application may have loaded only one."""
    families = {one.__module__.partition(".")[0] for one in type(client).__mro__}
    if "httpx2" in families:
        from app.backend.clients.over_httpx2 import Httpx2Transport  # noqa: PLC0415

        return Httpx2Transport
    from app.backend.clients.over_httpx import HttpxTransport  # noqa: PLC0415

    return HttpxTransport


def _body(request: Any) -> bytes:
    """Empty where it is a stream: a file that is sent has no tokens to speak of."""
    try:
        content: bytes = request.content
    except RuntimeError:  # RequestNotRead, of either library
        return b""
    return content
