"""The wrapper as httpx2 wants it: for anthropic and openai."""

import httpx2

from app.backend.clients.transport import WatchedStream, WatchedTransport

__all__ = ["Httpx2Transport"]


class _Stream(WatchedStream, httpx2.AsyncByteStream):
    pass


class Httpx2Transport(WatchedTransport, httpx2.AsyncBaseTransport):
    """See :class:`WatchedTransport`."""

    stream = _Stream
