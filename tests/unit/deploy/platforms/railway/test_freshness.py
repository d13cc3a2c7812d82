import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.platforms.deployment import DeploymentStatus
from app.backend.deploy.platforms.railway.freshness import (
    LONGEST,
    SLOWEST,
    status_age,
    traffic_age,
)

BUILDING, SERVING = DeploymentStatus.BUILDING, DeploymentStatus.SUCCESS


def looks(status: DeploymentStatus, seconds: float) -> int:
    at, asked = 0.0, 0
    while at < seconds:
        asked, at = asked + 1, at + status_age(status, at, 0.0)
    return asked


@given(
    status=st.sampled_from(DeploymentStatus),
    lasting=st.floats(0, 1e6),
    pace=st.floats(0, 3600),
)
def test_a_look_is_never_sooner_than_the_limit_allows(
    status: DeploymentStatus, lasting: float, pace: float
) -> None:
    settled = status.is_over or status in {SERVING, DeploymentStatus.SLEEPING}
    most = SLOWEST if settled else LONGEST
    assert pace <= status_age(status, lasting, pace) <= max(pace, most)
    assert traffic_age(lasting, pace) >= 2 * pace


def test_what_has_just_begun_is_looked_at_every_five_seconds() -> None:
    assert status_age(BUILDING, 0.0, 0.0) == 5


@pytest.mark.parametrize(
    ("status", "seconds", "most"),
    [(BUILDING, 300.0, 11), (BUILDING, 3600.0, 24), (SERVING, 1800.0, 12)],
)
def test_a_long_time_costs_few_looks(
    status: DeploymentStatus, seconds: float, most: int
) -> None:
    assert looks(status, seconds) <= most
