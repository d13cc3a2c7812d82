"""What all vendors together cost, by the bench's own watch on the event loop.

Elapsed times are the bench's affair, which has the machine to itself: here the loop's
own processor time counts, which a busy machine adds nothing to.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_vendors import PIECES, Behaviour, FakeVendors, fake_vendors
from tests.support.processes import eventually, start
from tests.support.vendor_classes import VOICES_OF

pytestmark = pytest.mark.full

SECONDS = 6
MEMORY_MB = 15.0
HELD_MS = 20.0


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


async def measured(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    arguments = ["-m", "bench._loop_child", str(SECONDS)]
    env = {"ENVIRONMENT": "staging", "PM33_HOME": str(folder), **variables}
    with start(arguments, output=folder / "output", env=env) as child:

        def told() -> list[dict[str, Any]]:
            # The whole of it is one line.
            return [one for one in child.events() if "rss_mb" in one]

        [found] = await eventually(told, within=120)
        return found


@pytest.mark.parametrize("behaviour", [Behaviour.OK, Behaviour.OVERSIZED])
async def test_ten_vendors_asked_every_second_cost_little(
    tmp_path: Path, fakes: FakeVendors, behaviour: Behaviour
) -> None:
    folders = tmp_path / "base", tmp_path / "all"
    for folder in folders:
        folder.mkdir()
    variables = fakes.variables()
    for name, voices in VOICES_OF.items():
        fakes.behaviours |= dict.fromkeys(voices, behaviour)
        variables[f"HEALTH_{name.upper()}_BUDGET"] = "0"
        variables[f"HEALTH_{name.upper()}_PERIOD"] = "1"
    base = await measured(folders[0], {})
    found = await measured(folders[1], variables)

    assert len({one.path for one in fakes.asked}) >= len(VOICES_OF)
    assert found["work_ms"] <= HELD_MS
    if behaviour is Behaviour.OK:
        assert found["rss_mb"] - base["rss_mb"] <= MEMORY_MB
    else:
        assert fakes.pieces < PIECES * len(fakes.asked)
