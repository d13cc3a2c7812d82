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


def looks(status: DeploymentStatus, seconds: float, *, told: bool = False) -> int:
    at, asked = 0.0, 0
    while at < seconds:
        asked, at = asked + 1, at + status_age(status, at, 0.0, told=told)
    return asked


@given(
    status=st.sampled_from(DeploymentStatus),
    lasting=st.floats(0, 1e6),
    pace=st.floats(0, 3600),
    told=st.booleans(),
)
def test_a_look_is_never_sooner_than_the_limit_allows(
    status: DeploymentStatus,
    lasting: float,
    pace: float,
    told: bool,  # noqa: FBT001 - drawn
) -> None:
    most = LONGEST if told and not is_settled(status) else SLOWEST
    assert pace <= status_age(status, lasting, pace, told=told) <= max(pace, most)
    assert traffic_age(lasting, pace) >= 2 * pace


def test_what_has_just_begun_is_looked_at_every_five_seconds() -> None:
    assert status_age(BUILDING, 0.0, 0.0) == 5


@pytest.mark.parametrize(
    ("status", "seconds", "told", "most"),
    [
        (BUILDING, 300.0, False, 13),
        (BUILDING, 3600.0, False, 36),
        (BUILDING, 300.0, True, 11),
        (BUILDING, 3600.0, True, 24),
        (SERVING, 1800.0, False, 12),
        (SERVING, 1800.0, True, 12),
    ],
)
def test_a_long_time_costs_few_looks(
    status: DeploymentStatus,
    seconds: float,
    told: bool,  # noqa: FBT001 - a case of the table
    most: int,
) -> None:
    assert looks(status, seconds, told=told) <= most
