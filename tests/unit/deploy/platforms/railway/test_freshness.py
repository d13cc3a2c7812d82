from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.platforms.deployment import DeploymentStatus
from app.backend.deploy.platforms.railway.freshness import (
    LONGEST,
    SLOWEST,
    is_settled,
    status_age,
    traffic_age,
)

BUILDING, SERVING = DeploymentStatus.BUILDING, DeploymentStatus.SUCCESS


HOUR = 3600.0


def looks(
    status: DeploymentStatus, seconds: float, *, urgent: bool = False
) -> list[float]:
    """When it is asked in that time."""
    at, asked = 0.0, []
    while at < seconds:
        asked.append(at)
        at += status_age(status, at, 0.0, urgent=urgent)
    return asked


@given(
    status=st.sampled_from(DeploymentStatus),
    lasting=st.floats(0, 1e6),
    pace=st.floats(0, 3600),
    urgent=st.booleans(),
)
def test_a_look_is_never_sooner_than_the_limit_allows(
    status: DeploymentStatus,
    lasting: float,
    pace: float,
    urgent: bool,  # noqa: FBT001 - drawn
) -> None:
    age = status_age(status, lasting, pace, urgent=urgent)
    under_way = LONGEST + max(0.0, lasting - HOUR)
    most = SLOWEST if urgent or is_settled(status) else under_way
    assert pace <= age <= max(pace, most)
    assert traffic_age(lasting, pace) >= 2 * pace


def test_what_has_just_begun_is_looked_at_every_five_seconds() -> None:
    assert status_age(BUILDING, 0.0, 0.0) == 5


@pytest.mark.parametrize("urgent", [True, False])
@given(seconds=st.floats(0, 3 * HOUR))
def test_what_happens_is_seen_after_half_the_time_again_that_it_took(
    urgent: bool,  # noqa: FBT001 - a case of the table
    seconds: float,
) -> None:
    seen = next(at for at in looks(BUILDING, 1e5, urgent=urgent) if at >= seconds)
    usual, share = (45.0, 0.15) if urgent else (60.0, 0.5)
    assert seen - seconds <= max(usual, share * seconds)


def test_one_that_has_waited_for_less_than_an_hour_is_seen_within_ten_minutes() -> None:
    asked = looks(BUILDING, HOUR + LONGEST)
    assert max(after - before for before, after in pairwise(asked)) <= LONGEST


@pytest.mark.parametrize(
    ("status", "seconds", "urgent", "most"),
    [
        (BUILDING, 300.0, True, 10),
        (BUILDING, 300.0, False, 9),
        (BUILDING, HOUR, False, 17),
        (BUILDING, 3 * HOUR, False, 21),
        (SERVING, 1800.0, False, 12),
        (SERVING, 1800.0, True, 12),
    ],
)
def test_a_long_time_costs_few_looks(
    status: DeploymentStatus,
    seconds: float,
    urgent: bool,  # noqa: FBT001 - a case of the table
    most: int,
) -> None:
    assert len(looks(status, seconds, urgent=urgent)) <= most
