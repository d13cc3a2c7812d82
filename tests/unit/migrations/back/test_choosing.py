from dataclasses import dataclass
from typing import Any

import pytest

from app.backend.migrations.back.choosing import goal_of
from app.backend.migrations.back.whose import command_down, is_relative


@dataclass
class Script:
    """As much of Alembic's as is asked for."""

    down_revision: str | tuple[str, ...] | None
    branch_labels: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("to", "last", "left", "goal"),
    [
        ("r3", Script("r2"), (), "r3"),
        ("-1", Script("r2"), ("r2",), "r2"),
        ("expand@-2", Script("r2"), ("r2",), "r2"),
        ("-1", Script(None), (), "base"),
        # On the way to base, what is on another branch would go as well.
        ("-1", Script(None, frozenset({"contract"})), ("r2",), "contract@base"),
        ("-1", Script(None), ("r2",), "-1"),
        ("-1", Script(("r1", "r2")), ("r1", "r2"), "-1"),
    ],
)
def test_a_way_down_has_a_name_that_stays_where_there_is_one(
    to: str, last: Any, left: tuple[str, ...], goal: str
) -> None:
    assert goal_of(to, [Script("x"), last], left) == goal  # type: ignore[list-item]
    assert goal_of(to, [], left) == to


def test_what_goes_on_can_be_typed() -> None:
    assert command_down("r2", "app") == "`pm33 migrate down --to r2`"
    assert command_down("base", "app") == "`pm33 migrate down --to base --source app`"
    assert command_down("-1", "app") == "`pm33 migrate down --to REVISION`"
    assert is_relative("expand@-1")
    assert not is_relative("a-1")
