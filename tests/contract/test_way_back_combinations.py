"""The way back at Railway in every combination of what nobody has established.

Fifteen switches have 32,768 combinations. A night that has not asked for a switch is
the same whatever that says: so each night stands for all combinations that agree with
it in what it has asked for, and the others are played in turn until none is left.
"""

from dataclasses import asdict, fields
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.support.railway.plans import Unknowns
from tests.support.way_back_model import (
    AskedUnknowns,
    ModelledGround,
    modelled_run,
    play_modelled,
)
from tests.support.way_back_nights import EVENINGS, Evening, assert_back_as_foretold

USUAL: Final = asdict(Unknowns())
ALL: Final = 2 ** len(fields(Unknowns))
ALWAYS: Final = (
    "pre_deploy_while_building",
    "snapshot_readable",
    "reads_railway_toml",
)
"""Three that every night asks for: by them an evening is played in eight parts."""
PARTS: Final = [
    dict(zip(ALWAYS, each, strict=True)) for each in product((False, True), repeat=3)
]
FEWEST: Final = 32
"""Nights of an evening at least: each asks for five switches."""


async def asked_for(
    folder: Path, values: dict[str, bool], evening: Evening
) -> list[str]:
    """The switches that a night has asked for, in their order; it has to end well."""
    unknowns = AskedUnknowns(**values)
    async with modelled_run(folder, unknowns) as run:
        night = await play_modelled(run, evening)
        assert_back_as_foretold(night, Unknowns(**values), evening)
        serving, ground = run.simulator.serving, run.railway.ground
        assert serving is not None
        assert isinstance(ground, ModelledGround)
        assert serving.id == night.attempts[-1].id
        assert ground.reaches_database(serving) is evening.database
        assert dict(await run.platform.variables()) == night.stored
    return unknowns.asked


@pytest.mark.parametrize("evening", EVENINGS, ids=str)
async def test_as_railway_is_taken_to_be_the_old_release_comes_back_as_foretold(
    tmp_path: Path, evening: Evening
) -> None:
    assert await asked_for(tmp_path, USUAL, evening)


@pytest.mark.full
@pytest.mark.parametrize("evening", EVENINGS, ids=str)
@pytest.mark.parametrize(
    "part", PARTS, ids=lambda one: ", ".join(map(str, one.values()))
)
async def test_in_every_combination_the_old_release_comes_back_as_foretold(
    tmp_path: Path, part: dict[str, bool], evening: Evening
) -> None:
    nights, stood_for = 0, 0
    to_be_played = [part]
    while to_be_played:
        told = to_be_played.pop()
        with TemporaryDirectory(dir=tmp_path) as folder:
            asked = await asked_for(Path(folder), USUAL | told, evening)
        # Up to where it was turned off from another night, it went like that one.
        assert told.keys() <= set(asked)
        for name in asked:
            if name not in told:
                to_be_played.append({**told, name: not USUAL[name]})
                told = {**told, name: USUAL[name]}
        nights += 1
        stood_for += ALL // 2 ** len(told)
    assert stood_for == ALL // len(PARTS)
    assert nights >= FEWEST // len(PARTS)
