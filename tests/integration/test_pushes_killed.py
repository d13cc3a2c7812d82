"""SIGKILL around the two calls that hold pushes back and let them through again."""

import json
import signal
from itertools import product
from pathlib import Path

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.report import Ending
from tests.support.delivery import Delivery
from tests.support.processes import eventually, start

CELLS = list(product((False, True), (False, True)))


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    delivery = Delivery(tmp_path)
    delivery.platform.deploy_pushes(enabled=True)
    return delivery


async def kill(delivery: Delivery, *, enabled: bool, after: bool) -> None:
    """Kills a deploy before or after one of the calls has taken effect."""
    reached = delivery.folder / "reached"
    order = {
        "folder": str(delivery.folder),
        "commit": delivery.commit("one"),
        "enabled": enabled,
        "after": after,
        "reached": str(reached),
    }
    arguments = ["-m", "tests.support.pushes_driver", json.dumps(order)]
    with start(arguments, output=delivery.folder / "driver.log") as child:
        await eventually(reached.exists, within=60)
        child.signal(signal.SIGKILL)
        await child.exit_code()
    assert await delivery.platform.autodeploy() is (enabled is after)


@pytest.mark.full
@pytest.mark.parametrize(("enabled", "after"), CELLS)
async def test_a_resumed_run_lets_pushes_through_again(
    delivery: Delivery,
    enabled: bool,  # noqa: FBT001 - a case of the table
    after: bool,  # noqa: FBT001 - as above
) -> None:
    await kill(delivery, enabled=enabled, after=after)
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE, report.text()
    assert await delivery.platform.autodeploy() is True


@pytest.mark.full
@pytest.mark.parametrize(("enabled", "after"), CELLS)
async def test_the_next_run_lets_pushes_through_again(
    delivery: Delivery,
    enabled: bool,  # noqa: FBT001 - a case of the table
    after: bool,  # noqa: FBT001 - as above
) -> None:
    await kill(delivery, enabled=enabled, after=after)
    report = await delivery.deploy(delivery.commit("two"), supersede=True)
    assert report.ending is Ending.DONE, report.text()
    assert await delivery.platform.autodeploy() is True
