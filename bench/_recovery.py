"""From a fault after the switch to traffic that is well again, by the real pipeline."""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.backend.deploy.records.journal import EventKind
from app.backend.deploy.report import Ending
from app.errors import OpsError
from bench._progress import say
from tests.support.load import Load, Request
from tests.support.local_delivery import LocalDelivery, local_delivery

__all__ = ["measure", "recovered"]

_BAKE = 120.0
_RATE = 50.0
_SLOW = 0.5


def measure(*, faults: int, interval: float, seed: int) -> list[dict[str, Any]]:
    """Seconds from the fault to each of what follows, one entry for each fault.

    Args:
        faults: how many.
        interval: from one round of probes to the next.
        seed: of when in a round the fault happens.

    Raises:
        OpsError: a run did not end rolled back and verified.
    """
    order = random.Random(seed)  # noqa: S311 - not a secret
    return asyncio.run(_all(faults, interval, order))


async def _all(
    faults: int, interval: float, order: random.Random
) -> list[dict[str, Any]]:
    found = []
    with tempfile.TemporaryDirectory(prefix="pm33-bench-") as folder:
        async with local_delivery(Path(folder)) as delivery:
            await delivery.deploy(delivery.commit("good"), unlocked=True)
            for number in range(faults):
                say(f"fault {number + 1} of {faults}")
                phase = interval * (1 + order.random())
                found.append(await _one(delivery, number, interval, phase))
    return found


async def _one(
    delivery: LocalDelivery, number: int, interval: float, phase: float
) -> dict[str, Any]:
    delivery.turned_bad.unlink(missing_ok=True)
    return await recovered(
        delivery,
        delivery.commit(f"bad-{number}", spoils=True),
        turn_bad=delivery.turned_bad.touch,
        interval=interval,
        phase=phase,
    )


async def recovered(
    delivery: LocalDelivery,
    commit: str,
    *,
    turn_bad: Callable[[], None],
    interval: float,
    phase: float,
) -> dict[str, Any]:
    """Deploys a commit, lets it turn bad under load, and measures the way back.

    Args:
        delivery: where another release serves.
        commit: passes its gate.
        turn_bad: called once, ``phase`` seconds after the switch.
        interval: from one round of probes to the next.
        phase: seconds.

    Returns:
        Seconds since ``turn_bad``, the bad answers, and the reason found.

    Raises:
        OpsError: it was not rolled back and verified.
    """
    port = urlsplit(await delivery.platform.url()).port
    if port is None:
        raise OpsError("the platform tells no port", remedy="mend its url()")
    run = asyncio.create_task(
        delivery.deploy(commit, unlocked=True, bake=_BAKE, monitor_interval=interval)
    )
    try:
        await delivery.serving(commit)
        await asyncio.sleep(phase)
        async with Load(port, rate=_RATE) as load:
            # Events have the wall clock's time, requests the monotonic one's.
            ahead = time.time() - time.monotonic()
            fault = time.time()
            turn_bad()
            report = await run
    finally:
        run.cancel()
    if report.ending is not Ending.ROLLED_BACK:
        raise OpsError(report.text(), remedy="see why it was not rolled back")
    bad = [one.sent for one in load.requests if _is_bad(one)]
    last = max(bad, default=fault - ahead)
    well = min(one.ended for one in load.requests if one.sent > last)
    ended = await _outcomes(delivery, report.run)
    return {
        "detected": ended["bake"] - fault,
        "back": well + ahead - fault,
        "verified": ended["verify"] - fault,
        "bad_answers": len(bad),
        "cause": report.cause,
    }


def _is_bad(request: Request) -> bool:
    return request.loss is not None or request.ended - request.sent > _SLOW


async def _outcomes(delivery: LocalDelivery, run: str) -> dict[str, float]:
    """When each step of a run had its outcome, in seconds of the wall clock."""
    events, _ = await delivery.events()
    return {
        event.step: event.at.timestamp()
        for event in events
        if event.run == run and event.kind is EventKind.OUTCOME
    }
