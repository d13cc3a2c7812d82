"""An application for ``PM33_MOUNT`` that uses, and uses up, the shared engine."""

from contextlib import AsyncExitStack

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

__all__ = ["app"]

_held = AsyncExitStack()


async def _hold(request: Request) -> PlainTextResponse:
    """Takes ``?connections=`` from the pool and keeps them."""
    engine = await request.state.pm33.engine()
    count = int(request.query_params["connections"])
    for _ in range(count):
        await _held.enter_async_context(engine.connect())
    return PlainTextResponse(str(count))


async def _release(_request: Request) -> PlainTextResponse:
    """Gives all of them back."""
    await _held.aclose()
    return PlainTextResponse("released")


app = Starlette(
    routes=[
        Route("/hold", _hold, methods=["POST"]),
        Route("/release", _release, methods=["POST"]),
    ]
)
