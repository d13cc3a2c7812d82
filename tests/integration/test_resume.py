"""SIGKILL at every edge of every step, then ``resume``: contract §12."""

import json
import random
import signal
from pathlib import Path

import pytest

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.run_state import runs_of
from app.backend.deploy.report import Ending
from app.backend.deploy.running.steps_back import STEPS
from app.backend.deploy.tools import Milestone
from tests.support.local_delivery import LocalDelivery, local_delivery
from tests.support.processes import eventually, start

SCENARIOS = {
    "preflight": "good",
    "expand": "good",
    "deploy": "good",
    "gate": "good",
    "switch": "good",
    "bake": "good",
    "withdraw": "withdrawn",
    "choose": "bad",
    "restore": "bad",
    "verify": "bad",
    "finalise": "good",
}
"""On which way each step is met; a step that is missing here fails a test."""

ENDINGS = {
    "good": Ending.DONE,
    "bad": Ending.ROLLED_BACK,
    "withdrawn": Ending.FAILED,
}
CELLS = [(step.name, milestone) for step in STEPS for milestone in Milestone]
QUICK = random.Random(3).sample(CELLS, 2)  # noqa: S311 - the same ones every time


def cells() -> list[object]:
    return [
        pytest.param(*cell, marks=() if cell in QUICK else pytest.mark.full)
        for cell in CELLS
    ]


def test_every_step_has_kill_cells() -> None:
    assert [step.name for step in STEPS] == list(SCENARIOS)


@pytest.mark.parametrize(("step", "milestone"), cells())
async def test_a_killed_run_is_resumed_to_one_good_end(
    tmp_path: Path, database_url: str, step: str, milestone: Milestone
) -> None:
    scenario = SCENARIOS[step]
    if (step, milestone) == ("withdraw", Milestone.BEFORE_INTENT):
        scenario = "good"  # a wish to stop that was not written down is forgotten
    async with local_delivery(tmp_path, database_url) as delivery:
        first = await delivery.good("one")
        second = delivery.commit("two", spoils=SCENARIOS[step] == "bad")
        await _kill_at(delivery, tmp_path, second, step, milestone)
        report = await resume(delivery.tools, actor="test")
        told = "\n".join((*delivery.said, report.text()))
        assert report.ending is ENDINGS[scenario], told
        (active,) = await delivery.active()
        assert active.commit == (second if scenario == "good" else first), told
        assert await delivery.orphans() == [], told
        assert await delivery.lease_holder() is None
        file, rows = await delivery.events()
        assert file == rows
        killed, earlier = runs_of(file)
        assert (killed.run, killed.commit) == (report.run, second)
        assert killed.ended
        assert killed.outcome == report.ending
        assert earlier.outcome == "done"


async def _kill_at(
    delivery: LocalDelivery,
    folder: Path,
    commit: str,
    step: str,
    milestone: Milestone,
) -> None:
    reached = folder / "reached"
    order = {
        "checkout": str(delivery.repository.path),
        "commit": commit,
        "step": step,
        "milestone": milestone,
        "scenario": SCENARIOS[step],
        "reached": str(reached),
        "turn_bad": str(delivery.turned_bad),
    }
    arguments = ["-m", "tests.support.delivery_driver", json.dumps(order)]
    output = folder / "driver.log"
    with start(arguments, output=output, env=delivery.environ) as child:
        await eventually(reached.exists, within=60)
        child.signal(signal.SIGKILL)
        await child.exit_code()
