"""An application for ``PM33_MOUNT`` whose route does what a file tells it.

``fail``: 500. ``some``: three in ten fail. ``slow``: takes a second. ``query``: asks
the database. Anything else: fine.
"""

import asyncio
import os
import random
from pathlib import Path

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

__all__ = ["ORDER", "ROUTE", "app"]

ORDER = "OBEDIENT_ORDER"
"""The variable that names the file."""
ROUTE = "/orders"


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
        case _:
            pass
    return PlainTextResponse("orders")


app = Starlette(routes=[Route(ROUTE, _orders)])
