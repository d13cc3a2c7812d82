"""How each vendor's client is made: sync, for a thread, since the imports are long.

The address is that of the vendor's check (``HEALTH_<CHECK>_BASE_URL``): what the
traffic tells of a vendor counts there, and so has to come from the same place.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from app.backend.clients.call import Watch
from app.backend.clients.together import keep_openai_from
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
    "key_of",
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


_VARIABLES: Final = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "together": "TOGETHER_API_KEY",
    "pinecone": "PINECONE_API_KEY",
    "stripe": "STRIPE_SECRET_KEY",
}


def key_of(vendor: str, config: Config) -> str:
    """The configured key; empty: there is none."""
    return dict(config.named_secrets()).get(_VARIABLES[vendor], "")


def open_anthropic(config: Config, watch: Watch) -> "anthropic.AsyncAnthropic":
    """The SDK's client, with everything that it sets by default."""
    import anthropic  # noqa: PLC0415 - 3 s

    key = _key("anthropic", config)
    http = anthropic.DefaultAsyncHttpxClient()
    watch_client(http, _raising(watch, anthropic.AnthropicError))
    base = _base("anthropic", config, "https://api.anthropic.com")
    return anthropic.AsyncAnthropic(
        api_key=key, base_url=base.removesuffix("/v1"), http_client=http
    )


def open_openai(config: Config, watch: Watch) -> "openai.AsyncOpenAI":
    """The SDK's client, with everything that it sets by default."""
    key = _key("openai", config)
    return _of_openai(key, _base("openai", config, "https://api.openai.com"), watch)


def open_together(config: Config, watch: Watch) -> "openai.AsyncOpenAI":
    """OpenAI's client, whose interface Together serves; nothing of OpenAI is sent."""
    key = _key("together", config)
    base = _base("together", config, "https://api.together.ai")
    return _of_openai(key, base, watch, of_openai=False)


def open_pinecone(config: Config, watch: Watch) -> "WatchedPinecone":
    """The SDK's client; those of indexes that it opens are watched as well."""
    from app.backend.clients.watched_pinecone import (  # noqa: PLC0415 - 1 s
        WatchedPinecone,
    )

    key = _key("pinecone", config)
    host = _base("pinecone", config, "https://api.pinecone.io")
    return WatchedPinecone(watch, api_key=key, host=host)


def open_stripe(config: Config, watch: Watch) -> "httpx.AsyncClient":
    """A plain client with address, key and version; paths are as in Stripe's docs."""
    import httpx  # noqa: PLC0415 - 0.3 s

    key = _key("stripe", config)
    base = _base("stripe", config, "https://api.stripe.com")
    client = httpx.AsyncClient(
        base_url=base.removesuffix("/v1"),
        headers={"authorization": f"Bearer {key}", "stripe-version": STRIPE_VERSION},
        timeout=_STRIPE_TIMEOUT,
    )
    watch_client(client, watch)
    return client


def _of_openai(
    key: str, base: str, watch: Watch, *, of_openai: bool = True
) -> "openai.AsyncOpenAI":
    import openai  # noqa: PLC0415 - 1 s

    http = openai.DefaultAsyncHttpxClient()
    watch_client(http, _raising(watch, openai.OpenAIError))
    base = base.removesuffix("/v1") + "/v1"
    admin = None if of_openai else ""
    client = openai.AsyncOpenAI(
        api_key=key, admin_api_key=admin, base_url=base, http_client=http
    )
    if not of_openai:
        keep_openai_from(client, http)
    return client


def _raising(watch: Watch, kind: type[Exception]) -> Watch:
    """An error that is both, so that the SDK neither wraps nor retries it."""
    name = VendorLimitedError.__name__
    return replace(watch, refuse=type(name, (VendorLimitedError, kind), {}))


def _key(vendor: str, config: Config) -> str:
    variable = _VARIABLES[vendor]
    key = key_of(vendor, config)
    if not key:
        raise ConfigError(f"{variable} is not set", remedy=f"set {variable}")
    return key


def _base(vendor: str, config: Config, usual: str) -> str:
    knobs = config.health.checks.get(vendor)
    return ((knobs and knobs.base_url) or usual).rstrip("/")
