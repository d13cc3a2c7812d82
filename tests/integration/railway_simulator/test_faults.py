"""Every scriptable fault shows over HTTP as its own words say."""

import pytest

from tests.support.railway import scenes_of_answers, scenes_of_deployments
from tests.support.railway.faults import Fault
from tests.support.railway.scenes import staged

SCENES = {**scenes_of_deployments.SCENES, **scenes_of_answers.SCENES}


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_shows(fault: Fault) -> None:
    async with staged() as stage:
        await SCENES[fault](stage, fault)


def test_every_fault_has_one_scene() -> None:
    assert SCENES.keys() == set(Fault)
    both = scenes_of_deployments.SCENES.keys() & scenes_of_answers.SCENES.keys()
    assert not both
