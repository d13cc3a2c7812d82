"""Pinecone's client, which takes neither a client nor a transport of one's own."""

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from pinecone import AsyncPinecone
from typing_extensions import override

from app.backend.clients.call import Watch
from app.backend.clients.over_httpx import HttpxTransport

if TYPE_CHECKING:
    from pinecone.async_client.async_index import AsyncIndex
    from pinecone.async_client.inference import AsyncInference

__all__ = ["WatchedPinecone"]


class WatchedPinecone(AsyncPinecone):
    """Watches the control plane, the indexes and the hosted models; not assistants.

    Args:
        watch: of the vendor.
        api_key: of the project.
        host: of the control plane.
    """

    def __init__(self, watch: Watch, *, api_key: str, host: str) -> None:
        super().__init__(api_key=api_key, host=host)
        self._watch = watch
        self._given: weakref.WeakSet[AsyncIndex] = weakref.WeakSet()
        _watch_requests(self._http, watch)
        # Here, in the thread that builds it: it reads certificates.
        self._http._ensure_client()  # noqa: SLF001 - see _watch_requests

    @override
    async def index(self, name: str = "", *, host: str = "") -> "AsyncIndex":
        """As the SDK's, which says to close it; what was forgotten is closed later."""
        index = await super().index(name, host=host)
        http = index._http  # noqa: SLF001 - see _watch_requests
        _watch_requests(http, self._watch)
        await asyncio.to_thread(http._ensure_client)  # noqa: SLF001 - as above
        self._given.add(index)
        return index

    @property
    @override
    def inference(self) -> "AsyncInference":
        """As the SDK's."""
        inference = super().inference
        _watch_requests(inference._http, self._watch)  # noqa: SLF001 - as above
        return inference

    @override
    async def close(self) -> None:
        """Closes it, and the indexes that it has opened."""
        for index in [*self._given]:
            await index.close()
        await super().close()


def _watch_requests(http: Any, watch: Watch) -> None:
    """Puts the watch below the SDK's retries, so that each of them counts.

    No public way leads there; the version is pinned below the next major one, and a
    test asks through every plane.
    """
    if "_ensure_client" in vars(http):
        return
    ensure = http._ensure_client  # noqa: SLF001 - as above

    def watched() -> Any:
        client = ensure()
        retrying = client._transport  # noqa: SLF001 - as above
        if not isinstance(retrying._transport, HttpxTransport):  # noqa: SLF001 - as above
            retrying._transport = HttpxTransport(retrying._transport, watch)  # noqa: SLF001 - as above
        return client

    http._ensure_client = watched  # noqa: SLF001 - as above
