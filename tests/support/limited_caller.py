"""A replica that calls a vendor as often as it may: a process of its own.

``python -m tests.support.limited_caller CALLS``, with the service's variables; says in
JSON how many calls were made and how many were refused.
"""

import asyncio
import json
import sys

from app.backend.config.environment import get_config
from app.backend.resources import open_resources
from app.errors import VendorLimitedError


async def main(calls: int) -> dict[str, int]:
    """Makes the calls one after another."""
    made = {"answered": 0, "refused": 0}
    async with open_resources(get_config()) as resources:
        stripe = await resources.clients.stripe()
        for _ in range(calls):
            try:
                await stripe.get("/v1/balance")
            except VendorLimitedError:
                made["refused"] += 1
            else:
                made["answered"] += 1
    return made


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1])))))  # noqa: T201 - its result
