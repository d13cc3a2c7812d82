import pytest

from app.backend.config.draining import divide_drain
from app.backend.config.environment import read_config

BUDGET = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"


@pytest.mark.parametrize(
    ("variables", "on_railway", "phases", "excess"),
    [
        ({}, False, (2, 20, 3), 0),
        ({}, True, (0, 20, 3), 0),
        ({BUDGET: "30"}, True, (0, 25, 3), 0),
        ({BUDGET: "6"}, True, (0, 1, 3), 0),
        ({BUDGET: "6"}, False, (2, 0, 3), 1),
        ({BUDGET: "5"}, True, (0, 0, 3), 0),
        ({BUDGET: "4"}, True, (0, 0, 3), 1),
        ({BUDGET: "30", "PM33_DRAIN_TIMEOUT": "60"}, True, (0, 60, 3), 35),
        ({BUDGET: "30", "PM33_LAME_DUCK": "9"}, True, (9, 16, 3), 0),
    ],
)
def test_the_time_is_divided_and_what_is_over_is_told(
    variables: dict[str, str],
    phases: tuple[float, float, float],
    excess: float,
    *,
    on_railway: bool,
) -> None:
    drain = divide_drain(read_config(variables), on_railway=on_railway)

    assert (drain.lame_duck, drain.in_flight, drain.closing) == phases
    assert drain.excess == excess
    assert drain.total == sum(phases)
    assert drain.needed == drain.total + 2
