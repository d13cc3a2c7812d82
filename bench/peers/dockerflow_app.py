"""python-dockerflow as its documentation has it: its router, checks registered by name.

Without its two middlewares, for a request identifier and a log line a request: they do
more than the others are asked for.
"""

from collections.abc import Awaitable, Callable

from dockerflow import checks  # type: ignore[import-not-found] # in its own environment
from dockerflow.fastapi import (  # type: ignore[import-not-found] # as above
    router,
)
from fastapi import FastAPI

from bench.peers.scenarios import Probe, chosen

__all__ = ["app"]


def _check(probe: Probe) -> Callable[[], Awaitable[list[object]]]:
    async def check() -> list[object]:
        await probe()
        return []

    return check


for _name, _probe in chosen().items():
    checks.register(_check(_probe), name=_name)

app = FastAPI()
app.include_router(router)
