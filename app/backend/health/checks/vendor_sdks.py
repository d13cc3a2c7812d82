"""The SDKs that vendors can be asked by, and how each is built for its one read.

Each import takes a second and tens of megabytes: they run in a thread, and only where
``HEALTH_<CHECK>_PROBE=sdk`` says so. Retries are off, redirects are not followed, no
connection is kept. The address is the SDK's own affair, unless
``HEALTH_<CHECK>_BASE_URL`` names one.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from app.backend.clients.together import keep_openai_from
from app.backend.config.environment import Config
from app.backend.health.checks.vendor import base_url, secret
from app.backend.health.checks.vendor_sdk import SdkAsking, SdkClient
from app.backend.health.checks.vendor_witness import Witness

if TYPE_CHECKING:
    import httpx2

__all__ = ["SDKS", "sdk_asking"]

# The handshake gives up a little before the deadline: cancelled in it, the HTTP library
# leaves the socket open.
_OWN_SHARE = 0.8
# Compressed, a small body could become a large one.
_PLAIN: Final = {"accept-encoding": "identity"}


def sdk_asking(name: str, config: Config, timeout: float) -> SdkAsking:
    """Asks this vendor by its SDK.

    Args:
        name: one of :data:`SDKS`.
        config: with its key.
        timeout: seconds that a read takes at most.
    """
    return SdkAsking(partial(SDKS[name], config, timeout))


def _anthropic(config: Config, timeout: float) -> SdkClient:
    import anthropic  # noqa: PLC0415 - in the thread

    http, witness = _http2()
    base = base_url("anthropic", config, "")
    sdk = anthropic.AsyncAnthropic(
        api_key=secret(config.ai.anthropic_api_key),
        base_url=base.removesuffix("/v1") or None,
        max_retries=0,
        timeout=timeout,
        http_client=http,
    )
    # The raw variant spares the loop the models' parsing. To name it imports the rest.
    models = sdk.models.with_raw_response.list

    async def read(seconds: float) -> object:
        return await models(limit=1, timeout=_spans(seconds))

    return SdkClient(sdk.base_url.host, witness, read, sdk.close)


def _openai(config: Config, timeout: float) -> SdkClient:
    base = base_url("openai", config, "")
    address = f"{base.removesuffix('/v1')}/v1" if base else None
    return _like_openai(secret(config.ai.openai_api_key), address, timeout)


def _together(config: Config, timeout: float) -> SdkClient:
    """By OpenAI's SDK, as Together says its users do; filtered as the plain read is.

    Nothing that is meant for OpenAI reaches it.

    https://docs.together.ai/docs/inference/openai-compatibility
    """
    base = base_url("together", config, "https://api.together.ai")
    address = f"{base.removesuffix('/v1')}/v1"
    key = secret(config.ai.together_api_key)
    query = {"dedicated": "true"}
    return _like_openai(key, address, timeout, query, of_openai=False)


def _like_openai(
    key: str | None,
    address: str | None,
    timeout: float,
    query: Mapping[str, str] | None = None,
    *,
    of_openai: bool = True,
) -> SdkClient:
    import openai  # noqa: PLC0415 - in the thread

    http, witness = _http2()
    sdk = openai.AsyncOpenAI(
        api_key=key,
        admin_api_key=None if of_openai else "",
        base_url=address,
        max_retries=0,
        timeout=timeout,
        http_client=http,
    )
    if not of_openai:
        keep_openai_from(sdk, http)
    # Raw, too, since Together's list comes bare, which the parsed variant trips over.
    models = sdk.models.with_raw_response.list

    async def read(seconds: float) -> object:
        return await models(extra_query=query, timeout=_spans(seconds))

    return SdkClient(sdk.base_url.host, witness, read, sdk.close)


def _pinecone(config: Config, timeout: float) -> SdkClient:
    import httpx  # noqa: PLC0415 - in the thread
    from pinecone import AsyncPinecone, RetryConfig  # noqa: PLC0415 - in the thread

    witness = Witness(httpx.ByteStream)
    sdk = AsyncPinecone(
        api_key=secret(config.pinecone.api_key),
        host=base_url("pinecone", config, "") or None,
        timeout=timeout * _OWN_SHARE,
        retry_config=RetryConfig(max_retries=0),
    )
    # It takes no HTTP client of ours, but the one that it makes takes hooks. A release
    # that calls it otherwise fails here, as a check that says so.
    http = sdk._http._ensure_client()  # noqa: SLF001 - there is no other way in
    http.event_hooks = {"response": [witness.observe]}
    http.headers.update({**_PLAIN, "connection": "close"})
    indexes = sdk.indexes
    named = (config.pinecone.index or "").strip()

    async def read(_: float) -> object:
        return await (indexes.describe(named) if named else indexes.list().to_list())

    host = urlsplit(str(http.base_url)).hostname or "the host"
    return SdkClient(host, witness, read, sdk.close)


def _http2() -> "tuple[httpx2.AsyncClient, Witness]":
    import httpx2  # noqa: PLC0415 - in the thread

    witness = Witness(httpx2.ByteStream)
    client = httpx2.AsyncClient(
        headers=_PLAIN,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        event_hooks={"response": [witness.observe]},
        follow_redirects=False,
    )
    return client, witness


def _spans(seconds: float) -> "httpx2.Timeout":
    import httpx2  # noqa: PLC0415 - imported by then

    return httpx2.Timeout(seconds, connect=seconds * _OWN_SHARE)


SDKS: Final[Mapping[str, Callable[[Config, float], SdkClient]]] = {
    "anthropic": _anthropic,
    "openai": _openai,
    "together": _together,
    "pinecone": _pinecone,
}
"""By the vendor's name."""
