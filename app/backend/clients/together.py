"""Together is asked by OpenAI's SDK, which reads what is meant for OpenAI."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["keep_openai_from"]

_AUTHORIZATION = "authorization"


def keep_openai_from(sdk: "AsyncOpenAI", http: "httpx2.AsyncClient") -> None:
    """Lets nothing of ``OPENAI_ORG_ID``, ``_PROJECT_ID``, ``_CUSTOM_HEADERS`` be sent.

    Where it is sent, and not in the SDK's client: each ``with_options()`` makes a new
    one, which reads the variables again.

    Args:
        sdk: just made, with no headers of its own.
        http: what it asks through; all of its copies do.
    """
    # Custom headers are those of the variable; no public name has them.
    custom = {name.lower(): value for name, value in sdk._custom_headers.items()}  # noqa: SLF001 - as above
    foreign = {"openai-organization", "openai-project", *custom} - {_AUTHORIZATION}
    key = sdk.api_key

    async def clean(request: Any) -> None:
        for name in foreign:
            request.headers.pop(name, None)
        if request.headers.get(_AUTHORIZATION) == custom.get(_AUTHORIZATION, ""):
            request.headers[_AUTHORIZATION] = f"Bearer {key}"

    hooks = http.event_hooks
    http.event_hooks = {**hooks, "request": [*hooks["request"], clean]}
