"""From each kind of fault after the switch to traffic that is well again."""

import asyncio
import os
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.errors import OpsError
from bench._page import commit
from bench._progress import say
from bench._recovery import recovered
from tests.support.local_delivery import LocalDelivery, local_delivery
from tests.support.turning_bad import Fault, light, settings_for

__all__ = ["measure"]

_FAULTS: Final = (
    Fault.ERRORS,
    Fault.SOME_ERRORS,
    Fault.SLOW,
    Fault.ONE_OF_FOUR,
    Fault.CRASH_LOOP,
    Fault.DEAD,
)


def measure(*, each: int, interval: float, seed: int) -> dict[str, Any]:
    """Every fault so many times, in random order; says when that was, too.

    Args:
        each: how often.
        interval: from one round of probes to the next.
        seed: of the order, and of when in a round a fault happens.

    Raises:
        OpsError: a run did not end rolled back and verified.
    """
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "arguments": {"each": each, "interval": interval, "seed": seed},
    }
    order = random.Random(seed)  # noqa: S311 - not a secret
    return {**about, "runs": asyncio.run(_all(each, interval, order))}


async def _all(
    each: int, interval: float, order: random.Random
) -> list[dict[str, Any]]:
    faults = [fault for fault in _FAULTS for _ in range(each)]
    order.shuffle(faults)
    found = []
    with tempfile.TemporaryDirectory(prefix="pm33-bench-") as folder:
        async with local_delivery(Path(folder)) as delivery:
            good = delivery.repository.commit("good", release__py=light("good"))
            report = await delivery.deploy(good, unlocked=True)
            if report.exit_code:
                raise OpsError(report.text(), remedy="see why it was not deployed")
            for number, fault in enumerate(faults, 1):
                say(f"fault {number} of {len(faults)}: {fault}")
                phase = interval * (1 + order.random())
                found.append(await _one(delivery, number, fault, interval, phase))
    return found


async def _one(
    delivery: LocalDelivery, number: int, fault: Fault, interval: float, phase: float
) -> dict[str, Any]:
    order = delivery.home / f"order-{number}"
    bad = delivery.repository.commit(
        f"bad-{number}",
        release__py=light(f"bad-{number}", order),
        railway__toml=settings_for(fault),
    )

    def turn_bad() -> None:
        order.write_text(fault, encoding="utf-8")

    found = await recovered(
        delivery, bad, turn_bad=turn_bad, interval=interval, phase=phase
    )
    return {"fault": fault.value, **found}
