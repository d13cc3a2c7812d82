"""An application for ``PM33_MOUNT`` whose route does what a file tells it.

``fail``: 500. ``some``: three in ten fail. ``slow``: takes a second. ``query``: asks
the database. ``leak``: asks it, and keeps the connection. ``vendor``: asks the vendor
at ``VENDOR_URL``. Anything else: fine.
"""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

__all__ = ["ORDER", "ROUTE", "VENDOR", "app"]

ORDER = "OBEDIENT_ORDER"
"""The variable that names the file."""
ROUTE = "/orders"
VENDOR = "VENDOR_URL"
"""The variable that says where the vendor is."""
_leaked = AsyncExitStack()


async def _orders(request: Request) -> PlainTextResponse:
    file = Path(os.environ[ORDER])
    order = file.read_text(encoding="utf-8") if file.exists() else ""  # noqa: ASYNC240 - a word
    match order:
        case "fail":
            raise RuntimeError("as it was told")
        case "some" if random.random() < 0.3:  # noqa: S311 - a fault, no secret
            raise RuntimeError("as it was told, at times")
        case "slow":
            await asyncio.sleep(1.0)
        case "query":
            engine = await request.state.pm33.engine()
            async with asyncio.timeout(1), engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        case "leak":
            engine = await request.state.pm33.engine()
            async with asyncio.timeout(1):
                await _leaked.enter_async_context(engine.connect())
        case "vendor":
            async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
                (await http.get(os.environ[VENDOR])).raise_for_status()
        case _:
            pass
    return PlainTextResponse("orders")


app = Starlette(routes=[Route(ROUTE, _orders)])
