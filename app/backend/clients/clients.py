"""The clients of one process: opened when they are asked for, closed together."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.backend.clients.call import Watch
from app.backend.clients.gate import Gate
from app.backend.clients.limit import limit_of
from app.backend.clients.opening import Opened
from app.backend.clients.outcomes import Outcomes
from app.backend.clients.shared import RedisShared, Shared
from app.backend.clients.transport import watch_client
from app.backend.clients.vendors import (
    key_of,
    open_anthropic,
    open_openai,
    open_pinecone,
    open_stripe,
    open_together,
)
from app.backend.config.environment import Config
from app.errors import ConfigError

if TYPE_CHECKING:
    import httpx
    import httpx2
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI
    from pinecone import AsyncPinecone

__all__ = ["CLIENTS", "Clients"]

_BUILDERS: Final[Mapping[str, Callable[[Config, Watch], Any]]] = {
    "anthropic": open_anthropic,
    "openai": open_openai,
    "together": open_together,
    "pinecone": open_pinecone,
    "stripe": open_stripe,
}

CLIENTS: Final = tuple(_BUILDERS)
"""Whose clients there are; their names are their checks'."""

_CLOSING: Final = 2.0
"""Seconds in which one client has to close."""

_log = logging.getLogger("pm33.clients")


class Clients:
    """Hands out one client for each vendor, pooled, behind the vendor's limiter.

    Each method imports the vendor's SDK in a thread when it is first called. A client
    belongs to the process: :meth:`close` closes it, and nobody else.

    Args:
        config: with keys, addresses and limits.

    Attributes:
        outcomes: what came of the calls, by the vendor's name.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self.outcomes: Mapping[str, Outcomes] = {name: Outcomes() for name in CLIENTS}
        self._gates: dict[str, Gate] = {}
        self._opened: dict[str, Opened[Any]] = {}
        self._shared: Shared | None = None

    async def anthropic(self) -> "AsyncAnthropic":
        """Anthropic's SDK.

        Raises:
            ConfigError: there is no key, or the service is disabled; so do the others.
        """
        client: AsyncAnthropic = await self._client("anthropic")
        return client

    async def openai(self) -> "AsyncOpenAI":
        """OpenAI's SDK."""
        client: AsyncOpenAI = await self._client("openai")
        return client

    async def together(self) -> "AsyncOpenAI":
        """Together, through OpenAI's SDK."""
        client: AsyncOpenAI = await self._client("together")
        return client

    async def pinecone(self) -> "AsyncPinecone":
        """Pinecone's SDK; the indexes that it opens are limited with it."""
        client: AsyncPinecone = await self._client("pinecone")
        return client

    async def stripe(self) -> "httpx.AsyncClient":
        """An HTTP client with Stripe's address, key and version."""
        client: httpx.AsyncClient = await self._client("stripe")
        return client

    def watch(
        self, vendor: str, client: "httpx.AsyncClient | httpx2.AsyncClient"
    ) -> None:
        """Puts limiter and observer of a vendor into somebody else's client, for good.

        Args:
            vendor: one of :data:`CLIENTS`.
            client: of another package; whoever made it closes it.
        """
        watch_client(client, self._watch(vendor))

    async def close(self) -> None:
        """Closes what is open, the last one first; it may be opened again."""
        opened, self._opened = self._opened, {}
        for name, one in reversed(opened.items()):
            try:
                async with asyncio.timeout(_CLOSING):
                    await one.close()
            except Exception:  # noqa: BLE001 - an SDK's own; the others are closed, too
                _log.exception("the client of %s cannot be closed", name)
        gates, self._gates = self._gates, {}
        for gate in gates.values():
            await gate.close()
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.close()

    async def _client(self, name: str) -> Any:
        if name not in self._opened:
            if not self._config.services.uses(name):
                raise ConfigError(
                    f"{name} is disabled", remedy="see PM33_DISABLED_SERVICES"
                )
            build = partial(_BUILDERS[name], self._config, self._watch(name))
            self._opened[name] = Opened(build, _close)
        return await self._opened[name].get()

    def _watch(self, name: str) -> Watch:
        if name not in self._gates:
            limit = limit_of(name, self._config)
            self._gates[name] = Gate(
                name,
                limit,
                wait=self._config.limits.wait,
                shared=self._sharing() if limit else None,
            )
        key = key_of(name, self._config)
        return Watch(gate=self._gates[name], outcomes=self.outcomes[name], key=key)

    def _sharing(self) -> Shared | None:
        url = self._config.services.redis_url
        if self._shared is None and url is not None:
            prefix = f"pm33:{self._config.environment}:limit"
            self._shared = RedisShared(url, prefix=prefix)
        return self._shared


async def _close(client: Any) -> None:
    """The SDKs have ``close``, httpx ``aclose``."""
    await (client.aclose() if hasattr(client, "aclose") else client.close())
