"""Requests over HTTPS, to Railway's API and to the service itself; one client."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.errors import ConfigError

if TYPE_CHECKING:
    import httpx

    from app.backend.health.checks.vendor import Read
    from app.backend.health.checks.vendor_http import Fetched

__all__ = ["Wire"]


class Wire:
    """Opened by its first request.

    Each request has a connection of its own, so that no change is sent into one that
    the other side has just closed.
    """

    def __init__(self) -> None:
        self._first = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> "httpx.AsyncClient":
        """Reads the certificates, which takes a while; harmless when repeated.

        Raises:
            ConfigError: no HTTPS can be spoken here.
        """
        from app.backend.health.checks.vendor_http import open_client  # noqa: PLC0415 - httpx

        async with self._first:
            if self._client is None:
                try:
                    # Reading the certificates takes 50 ms.
                    self._client = await asyncio.to_thread(open_client)
                except (OSError, ValueError, ImportError) as error:
                    raise ConfigError(
                        f"no HTTPS can be spoken here ({type(error).__name__})",
                        remedy="see SSL_CERT_FILE and the addresses of proxies",
                    ) from error
            return self._client

    async def send(self, read: "Read", *, seconds: float) -> "Fetched":
        """One request, and whatever came of it: the network raises nothing.

        Raises:
            ConfigError: as :meth:`open`.
        """
        from app.backend.health.checks.vendor_http import fetch  # noqa: PLC0415 - httpx

        return await fetch(await self.open(), read, timeout=seconds)

    async def headers(self, url: str, *, seconds: float) -> Mapping[str, str]:
        """What stands above the answer to a GET, names in lower case; else nothing.

        Raises:
            ConfigError: as :meth:`open`.
        """
        from app.backend.health.checks.vendor import Read  # noqa: PLC0415 - httpx

        return (await self.send(Read(url=url, headers={}), seconds=seconds)).headers

    async def close(self) -> bool:
        """Lets go of it; whether there was anything to let go of."""
        client, self._client = self._client, None
        if client is None:
            return False
        await client.aclose()
        return True
