"""All vendors' fakes for the service that is measured with them configured."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import OpsError
from tests.support.fake_vendors import Behaviour, FakeVendors, fake_vendors
from tests.support.vendor_classes import VOICES_OF

__all__ = ["HANGING", "Vendors", "vendors"]

HANGING = "anthropic"
"""The vendor that can be told to."""
_PERIOD = 1.0
_START_DEADLINE = 10.0


class Vendors:
    """What the service is given, and what it asked.

    Attributes:
        variables: the environment that leads to them, each asked every second.
    """

    def __init__(self, fakes: FakeVendors) -> None:
        knobs = {"PERIOD": f"{_PERIOD:g}", "BUDGET": "0"}
        self._fakes = fakes
        self.variables = fakes.variables() | {
            f"HEALTH_{name.upper()}_{knob}": value
            for name in VOICES_OF
            for knob, value in knobs.items()
        }

    def hang(self) -> None:
        """Lets one of them never answer again."""
        self._fakes.behaviours[HANGING] = Behaviour.HANG

    @property
    def asked(self) -> int:
        """How many reads there have been."""
        return len(self._fakes.asked)


@contextmanager
def vendors() -> Iterator[Vendors]:
    """Serves them in a thread of this process until the block ends."""
    started, found = threading.Event(), []
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with fake_vendors() as fakes:
            found.append(Vendors(fakes))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not started.wait(_START_DEADLINE):
            raise OpsError("the vendors' fakes did not start", remedy="run it again")
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
