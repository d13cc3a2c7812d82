"""Customers of the shop: a steady stream of orders and questions, nothing repeated."""

import asyncio
import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx

__all__ = ["Customers", "Totals"]

_SERVER_ERROR = 500


@dataclass
class Totals:
    """What became of the requests.

    Attributes:
        sent: how many were sent.
        codes: answers by status code.
        lost: requests without any answer.
        accepted: orders that were answered with 201.
    """

    sent: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    accepted: int = 0

    @property
    def failed(self) -> int:
        """Answers with 5xx."""
        return sum(n for code, n in self.codes.items() if code >= _SERVER_ERROR)


class Customers:
    """An open loop: the rate stays as it is, however slow the answers are.

    Args:
        url: of the shop.
        rate: requests a second; every second one is an order.
    """

    def __init__(self, url: str, rate: float) -> None:
        self.totals = Totals()
        self._rate = rate
        self._client = httpx.AsyncClient(base_url=url, timeout=15)
        self._requests: set[asyncio.Task[None]] = set()

    async def come(self, leave: asyncio.Event) -> Totals:
        """Sends requests until told to leave, then waits for the last answers."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in itertools.count():
            pause = began + number / self._rate - clock()
            if pause > 0:
                await asyncio.sleep(pause)
            if leave.is_set():
                break
            task = asyncio.create_task(self._ask(order=number % 2 == 0))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)
        await asyncio.gather(*self._requests)
        await self._client.aclose()
        return self.totals

    async def _ask(self, *, order: bool) -> None:
        self.totals.sent += 1
        try:
            if order:
                body = {"id": uuid.uuid4().hex, "item": "tea"}
                answer = await self._client.post("/orders", json=body)
            else:
                answer = await self._client.get("/orders/count")
        except httpx.HTTPError as error:
            self.totals.lost[type(error).__name__] += 1
            return
        self.totals.codes[answer.status_code] += 1
        self.totals.accepted += order and answer.status_code == httpx.codes.CREATED
