"""What a switch takes and what it loses: the platform's beside two naive ones."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from bench._progress import say
from tests.support.naive import reload, restart
from tests.support.switch_report import SwitchReport
from tests.support.switching import (
    naively_switched,
    switched_by_hand,
    switched_by_the_platform,
)

__all__ = ["measure"]

Way = Callable[[int, float], Coroutine[Any, Any, SwitchReport]]


async def _by_hand(count: int, rate: float) -> SwitchReport:
    return await switched_by_hand(count=count, rate=rate, stream=True)


async def _by_platform(count: int, rate: float) -> SwitchReport:
    return await switched_by_the_platform(count, rate=rate)


async def _by_reload(count: int, rate: float) -> SwitchReport:
    return await naively_switched(reload, count=count, rate=rate)


async def _by_restart(count: int, rate: float) -> SwitchReport:
    return await naively_switched(restart, count=count, rate=rate)


_OURS: Final[Mapping[str, Way]] = {
    "rename": _by_hand,
    "platform": _by_platform,
}
_NAIVE: Final[Mapping[str, Way]] = {"reload": _by_reload, "restart": _by_restart}


def measure(*, switches: int, naive: int, rate: float) -> dict[str, Any]:
    """Each way under the same load, one after the other.

    Args:
        switches: of ours, each way.
        naive: switches of the others, each way.
        rate: requests a second.
    """
    plan = [(name, way, switches) for name, way in _OURS.items()]
    plan += [(name, way, naive) for name, way in _NAIVE.items()]
    found = {}
    for name, way, count in plan:
        say(f"{count} switches by {name}")
        report = asyncio.run(way(count, rate))
        say(str(report).splitlines()[0])
        found[name] = report.to_dict() | {"latency": _latencies(report)}
    return found


def _latencies(report: SwitchReport) -> dict[str, float]:
    """Of whole answers but the stream, in seconds."""
    took = sorted(
        one.ended - one.sent
        for one in report.requests
        if not one.loss and one.kind.name != "STREAM"
    )
    shares = {"p50": 0.5, "p99": 0.99}
    quantiles = {name: took[int(len(took) * share)] for name, share in shares.items()}
    return {name: round(value, 6) for name, value in quantiles.items()} | {
        "max": round(took[-1], 6)
    }
