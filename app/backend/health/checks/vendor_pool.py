"""The one pool over which all vendors are asked, opened when the first one is."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # 0.1 s of imports, which a service without vendors never needs.
    import httpx

__all__ = ["VendorPool"]


class VendorPool:
    """Opens one client for everybody, and closes it; it may then be opened again.

    No connection outlives its read: reads are minutes apart, so that a kept one would
    be closed by the vendor in between, and a new one proves name, route and certificate
    as well.
    """

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._opening: asyncio.Task[httpx.AsyncClient] | None = None

    async def client(self) -> "httpx.AsyncClient":
        """The client; whoever asks first waits for the imports, others with it.

        Raises:
            OSError: the certificates that ``SSL_CERT_FILE`` names cannot be read.
            ValueError: a proxy's address cannot be used.
            ImportError: a proxy's protocol needs what is not installed.
        """
        if self._client is not None:
            return self._client
        if self._opening is None or self._opening.done():
            # Importing and reading certificates would hold the event loop.
            self._opening = asyncio.create_task(asyncio.to_thread(_open))
        # One who gives up waiting does not end it for the others.
        self._client = await asyncio.shield(self._opening)
        return self._client

    async def close(self) -> None:
        """Closes what is open."""
        if self._opening is not None and not self._opening.done():
            self._client = await self._opening
        self._opening = None
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _open() -> "httpx.AsyncClient":
    # Together with what asks through it, all in this thread.
    from app.backend.health.checks.vendor_http import open_client  # noqa: PLC0415

    return open_client()
