"""The way back at Railway, whatever is true of what nobody has established.

The facts that FACTS marks with [?] are switches of the simulator. The five that change
what a rollback does, or what can be told of it beforehand, are there in all their
combinations; the other ten are spread over these so that any three switches are seen
in all eight combinations of theirs (an orthogonal array of strength 3: Rao 1947). What
only four of them together would bring about is not seen. Railway as it is usually taken
is the first row. In each the old release comes back by the rollback of an emergency,
and where it could not come back as it was, the plan had said so before.
"""

from dataclasses import fields, replace
from itertools import chain, combinations
from typing import Final

import pytest

from tests.support.railway.plans import Unknowns
from tests.support.way_back import at_railway
from tests.support.way_back_cells import assert_serves, says
from tests.support.way_back_nights import (
    EVENINGS,
    Evening,
    assert_back_as_foretold,
    play,
)
from tests.support.way_back_releases import Releases

DEPENDED_ON: Final = (
    "rollback_rewrites_variables",
    "rollback_runs_pre_deploy",
    "rollback_waits_for_health",
    "project_token_may_roll_back",
    "snapshot_readable",
)
USUAL: Final = Unknowns()


def arrayed() -> list[Unknowns]:
    """32 rows: a switch is turned where the parity of those it stands for is odd.

    With five switches there are ten ways to take three. No three of these columns, and
    those of the five themselves, add up to nothing, for each is of an odd number.
    """
    columns = {name: {name} for name in DEPENDED_ON}
    names = [one.name for one in fields(Unknowns) if one.name not in DEPENDED_ON]
    columns |= zip(names, map(set, combinations(DEPENDED_ON, 3)), strict=True)
    turned = chain.from_iterable(
        combinations(DEPENDED_ON, number) for number in range(len(DEPENDED_ON) + 1)
    )
    return [
        replace(
            USUAL,
            **{
                name: getattr(USUAL, name) ^ bool(len(column & set(row)) % 2)
                for name, column in columns.items()
            },
        )
        for row in turned
    ]


ROWS: Final = arrayed()
QUICK: Final = (0, Evening(planned=True, database=False))


def name_of(unknowns: Unknowns) -> str:
    """The depended-on ones that are true; the rest follows from them."""
    true = [name for name in DEPENDED_ON if getattr(unknowns, name)]
    return " and ".join(true) or "none of the five"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


def test_any_three_switches_are_seen_in_all_their_combinations() -> None:
    names = [one.name for one in fields(Unknowns)]
    for three in combinations(names, 3):
        seen = {tuple(getattr(row, name) for name in three) for row in ROWS}
        assert len(seen) == 2**3, three
    depended_on = {tuple(getattr(row, name) for name in DEPENDED_ON) for row in ROWS}
    assert len(depended_on) == len(ROWS) == 2**5
    assert ROWS[0] == USUAL


@pytest.mark.parametrize(
    ("unknowns", "evening"),
    [
        pytest.param(
            row,
            evening,
            id=f"{evening}: {name_of(row)}",
            marks=() if (number, evening) == QUICK else pytest.mark.full,
        )
        for evening in EVENINGS
        for number, row in enumerate(ROWS)
    ],
)
async def test_the_old_release_comes_back_and_what_stands_in_its_way_was_told_before(
    releases: Releases, unknowns: Unknowns, evening: Evening
) -> None:
    async with (
        at_railway(releases, unknowns) as (scene, simulated),
        scene.database() as database,
    ):
        night = await play(scene, simulated, evening, database)

        assert_back_as_foretold(night, unknowns, evening)
        await assert_serves(scene, night.attempts[-1])
        await says(scene, "healthy" if evening.database else "degraded")
        # Whatever a rollback stores, the next deployment gets what it was to get.
        assert dict(await scene.platform.variables()) == night.stored
