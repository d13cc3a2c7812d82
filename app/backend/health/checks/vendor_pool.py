"""The one pool over which all vendors are asked, opened when the first one is."""

from typing import TYPE_CHECKING

from app.backend.clients.opening import Opened
from app.backend.health.checks.vendor import Answer, Read

if TYPE_CHECKING:
    # 0.1 s of imports, which a service without vendors never needs.
    import httpx

__all__ = ["VendorPool"]


class VendorPool:
    """Asks by plain HTTP: one client for everybody; closed, it may be opened again.

    No connection outlives its read: reads are minutes apart, so that a kept one would
    be closed by the vendor in between, and a new one proves name, route and certificate
    as well.
    """

    def __init__(self) -> None:
        self._once = Opened(_open, _close)

    async def client(self) -> "httpx.AsyncClient":
        """The client; whoever asks first waits for the imports, others with it.

        Raises:
            OSError: the certificates that ``SSL_CERT_FILE`` names cannot be read.
            ValueError: a proxy's address cannot be used.
            ImportError: a proxy's protocol needs what is not installed.
        """
        return await self._once.get()

    async def open(self) -> None:
        """As :meth:`client`."""
        await self.client()

    async def ask(self, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - enforced where it is asked
        """As :func:`~app.backend.health.checks.vendor_http.ask`."""
        client = await self.client()
        from app.backend.health.checks.vendor_http import ask  # noqa: PLC0415 - httpx

        return await ask(client, read, timeout=timeout)

    async def close(self) -> None:
        """Closes what is open."""
        await self._once.close()


def _open() -> "httpx.AsyncClient":
    # Together with what asks through it, all in this thread.
    from app.backend.health.checks.vendor_http import open_client  # noqa: PLC0415

    return open_client()


async def _close(client: "httpx.AsyncClient") -> None:
    await client.aclose()
