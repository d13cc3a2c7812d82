"""The checks that every peer is given: the same functions, in each peer's own dress.

``BENCH_SCENARIO`` chooses them. Every attempt is noted in the file ``BENCH_RUNS``: one
line when it starts and one when it ends, so that attempts can be counted and timed from
outside, whoever runs them. Imports nothing but the standard library: each peer has an
environment of its own.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["BROKEN", "SCENARIOS", "SECRET", "chosen"]

SECRET: Final = "c4n4ry-5ecret"  # noqa: S105 - a canary, nobody's password
"""The password in the address that the raising check's exception tells."""
BROKEN: Final = "broken"
"""Beside ``BENCH_RUNS``, a file of this name makes the breakable check fail."""

Probe = Callable[[], Awaitable[None]]


async def trivial() -> None:
    """What the throughput is measured with: as cheap as a check can be."""


async def slow_1() -> None:
    """The first of three checks that take half a second."""
    await _wait("slow_1", 0.5)


async def slow_2() -> None:
    """The second."""
    await _wait("slow_2", 0.5)


async def slow_3() -> None:
    """The third."""
    await _wait("slow_3", 0.5)


async def hung() -> None:
    """Never answers, as a component whose packets are dropped."""
    await _wait("hung", 3600.0)


async def raising() -> None:
    """Fails as drivers do: with the address, and so the password, in its words."""
    raise ConnectionError(f"cannot reach postgresql://app:{SECRET}@db.internal/app")


async def counted() -> None:
    """Takes long enough for probes at the same time to meet in it."""
    await _wait("counted", 0.2)


async def breakable() -> None:
    """Fails from the moment at which somebody creates the file."""
    runs = os.environ.get("BENCH_RUNS")
    if runs and Path(runs).with_name(BROKEN).exists():
        raise ConnectionError("the component has just stopped answering")


SCENARIOS: Final[Mapping[str, tuple[Probe, ...]]] = {
    "trivial": (trivial,),
    "slow": (slow_1, slow_2, slow_3),
    "hung": (hung,),
    "raising": (raising,),
    "counted": (counted,),
    "breakable": (breakable,),
}


def chosen() -> dict[str, Probe]:
    """The checks of the scenario that the environment names, by name."""
    probes = SCENARIOS[os.environ.get("BENCH_SCENARIO", "trivial")]
    return {probe.__name__: probe for probe in probes}


async def _wait(name: str, seconds: float) -> None:
    _note("start", name)
    await asyncio.sleep(seconds)
    _note("end", name)


def _note(event: str, name: str) -> None:
    runs = os.environ.get("BENCH_RUNS")
    if runs:
        # The monotonic clock is the machine's, the same in every process.
        line = f"{event} {name} {time.monotonic()}\n"
        with Path(runs).open("a") as file:
            file.write(line)
