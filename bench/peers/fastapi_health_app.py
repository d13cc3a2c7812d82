"""fastapi-health as its README has it: one route, one condition for each check."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi_health import (  # type: ignore[import-not-found] # in its own environment
    health,
)

from bench.peers.scenarios import Probe, chosen

__all__ = ["app"]


def _condition(name: str, probe: Probe) -> Callable[[], Awaitable[dict[str, str]]]:
    async def condition() -> dict[str, str]:
        await probe()
        return {name: "ok"}

    # It becomes the name of a parameter, and those have to differ.
    condition.__name__ = name
    return condition


app = FastAPI()
app.add_api_route(
    "/health", health([_condition(name, probe) for name, probe in chosen().items()])
)
