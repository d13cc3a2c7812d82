"""The wrapper as httpx wants it: for pinecone, and for Stripe's client."""

import httpx

from app.backend.clients.transport import WatchedStream, WatchedTransport

__all__ = ["HttpxTransport"]


class _Stream(WatchedStream, httpx.AsyncByteStream):
    pass


class HttpxTransport(WatchedTransport, httpx.AsyncBaseTransport):
    """See :class:`WatchedTransport`."""

    stream = _Stream
