"""What follows when a replica has ended by itself."""

import pytest

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.restarts import (
    Budget,
    GiveUp,
    Restart,
    after_exit,
)


def settings(policy: str = "ON_FAILURE", retries: int = 3) -> ServiceSettings:
    return ServiceSettings(
        start_command="serve", restart_policy=policy, restart_retries=retries
    )


def test_a_single_crash_costs_a_tenth_of_a_second() -> None:
    then = after_exit(settings(), Budget(), code=1, uptime=5)

    assert then == Restart(0.1, Budget(1))


def test_the_delay_doubles_up_to_ten_seconds() -> None:
    many = settings(retries=100)
    delays = []
    for spent in range(9):
        then = after_exit(many, Budget(spent), code=1, uptime=1)
        assert isinstance(then, Restart)
        delays.append(then.delay)

    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_the_budget_ends() -> None:
    then = after_exit(settings(retries=3), Budget(3), code=-9, uptime=1)

    assert then == GiveUp("it ended with signal 9 after 3 restarts")


def test_always_has_no_budget() -> None:
    then = after_exit(settings("ALWAYS", retries=3), Budget(5000), code=1, uptime=1)

    assert then == Restart(10, Budget(5001))


def test_a_minute_of_running_forgives_earlier_restarts() -> None:
    then = after_exit(settings(retries=3), Budget(3), code=1, uptime=60)

    assert then == Restart(0.1, Budget(1))


@pytest.mark.parametrize("code", [0, 1, -9])
def test_never_means_never(code: int) -> None:
    then = after_exit(settings("NEVER"), Budget(), code=code, uptime=1000)

    assert isinstance(then, GiveUp)


@pytest.mark.parametrize(
    ("policy", "kind"), [("ON_FAILURE", GiveUp), ("ALWAYS", Restart)]
)
def test_an_end_in_order_is_repeated_by_always_alone(policy: str, kind: type) -> None:
    then = after_exit(settings(policy), Budget(), code=0, uptime=1)

    assert isinstance(then, kind)
