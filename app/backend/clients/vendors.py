"""How each vendor's client is made: sync, for a thread, since the imports are long.

The address is that of the vendor's check (``HEALTH_<CHECK>_BASE_URL``): what the
traffic tells of a vendor counts there, and so has to come from the same place.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from app.backend.clients.call import Watch
from app.backend.clients.transport import watch_client
from app.backend.config.environment import Config
from app.errors import ConfigError, VendorLimitedError

if TYPE_CHECKING:
    import anthropic
    import httpx
    import openai

    from app.backend.clients.watched_pinecone import WatchedPinecone

__all__ = [
    "STRIPE_VERSION",
    "open_anthropic",
    "open_openai",
    "open_pinecone",
    "open_stripe",
    "open_together",
]

STRIPE_VERSION: Final = "2026-10-28.endive"
"""Of Stripe's API, as in its Python package 16: an account's own may be years old."""

_STRIPE_TIMEOUT: Final = 80.0
"""Seconds; as Stripe's own package has it."""


def open_anthropic(config: Config, watch: Watch) -> "anthropic.AsyncAnthropic":
    """The SDK's client, with everything that it sets by default."""
    import anthropic  # noqa: PLC0415 - 3 s

    key = _key(config.ai.anthropic_api_key, "ANTHROPIC_API_KEY")
    http = anthropic.DefaultAsyncHttpxClient()
    watch_client(http, _raising(watch, anthropic.AnthropicError))
    base = _base("anthropic", config, "https://api.anthropic.com")
    return anthropic.AsyncAnthropic(
        api_key=key, base_url=base.removesuffix("/v1"), http_client=http
    )


def open_openai(config: Config, watch: Watch) -> "openai.AsyncOpenAI":
    """The SDK's client, with everything that it sets by default."""
    key = _key(config.ai.openai_api_key, "OPENAI_API_KEY")
    return _of_openai(key, _base("openai", config, "https://api.openai.com"), watch)


def open_together(config: Config, watch: Watch) -> "openai.AsyncOpenAI":
    """OpenAI's client, whose interface Together serves; nothing of OpenAI is sent."""
    key = _key(config.ai.together_api_key, "TOGETHER_API_KEY")
    base = _base("together", config, "https://api.together.ai")
    client = _of_openai(key, base, watch, admin_api_key="")
    # The SDK has read OPENAI_ORG_ID and OPENAI_PROJECT_ID.
    client.organization = client.project = None
    return client


def open_pinecone(config: Config, watch: Watch) -> "WatchedPinecone":
    """The SDK's client; those of indexes that it opens are watched as well."""
    from app.backend.clients.watched_pinecone import (  # noqa: PLC0415 - 1 s
        WatchedPinecone,
    )

    key = _key(config.pinecone.api_key, "PINECONE_API_KEY")
    host = _base("pinecone", config, "https://api.pinecone.io")
    return WatchedPinecone(watch, api_key=key, host=host)


def open_stripe(config: Config, watch: Watch) -> "httpx.AsyncClient":
    """A plain client with address, key and version; paths are as in Stripe's docs."""
    import httpx  # noqa: PLC0415 - 0.3 s

    key = _key(config.services.stripe_secret_key, "STRIPE_SECRET_KEY")
    base = _base("stripe", config, "https://api.stripe.com")
    client = httpx.AsyncClient(
        base_url=base.removesuffix("/v1"),
        headers={"authorization": f"Bearer {key}", "stripe-version": STRIPE_VERSION},
        timeout=_STRIPE_TIMEOUT,
    )
    watch_client(client, watch)
    return client


def _of_openai(
    key: str, base: str, watch: Watch, **options: Any
) -> "openai.AsyncOpenAI":
    import openai  # noqa: PLC0415 - 1 s

    http = openai.DefaultAsyncHttpxClient()
    watch_client(http, _raising(watch, openai.OpenAIError))
    base = base.removesuffix("/v1") + "/v1"
    return openai.AsyncOpenAI(api_key=key, base_url=base, http_client=http, **options)


def _raising(watch: Watch, kind: type[Exception]) -> Watch:
    """An error that is both, so that the SDK neither wraps nor retries it."""
    name = VendorLimitedError.__name__
    return replace(watch, refuse=type(name, (VendorLimitedError, kind), {}))


def _key(value: Any, variable: str) -> str:
    if value is None or not value.get_secret_value():
        raise ConfigError(f"{variable} is not set", remedy=f"set {variable}")
    key: str = value.get_secret_value()
    return key


def _base(vendor: str, config: Config, usual: str) -> str:
    knobs = config.health.checks.get(vendor)
    return ((knobs and knobs.base_url) or usual).rstrip("/")
