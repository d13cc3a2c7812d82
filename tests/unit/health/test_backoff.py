import pytest

from app.backend.health.backoff import DELAYS, LONGEST, pause_after
from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status

POLICY = CheckPolicy(period=60, backoff=True)
# What an operator waits for beside what mends itself.
ACTS = (Failure.AUTH, Failure.PERMISSION, Failure.CONFIG, Failure.WRONG_MODE)
MENDS = (
    Failure.TIMEOUT,
    Failure.REFUSED,
    Failure.DNS,
    Failure.TLS,
    Failure.INTERNAL,
)


def failed(failure: Failure, retry_after: float | None = None) -> CheckResult:
    return CheckResult(status=Status.DEGRADED, failure=failure, retry_after=retry_after)


def test_every_class_has_its_delay_and_a_reason() -> None:
    assert set(DELAYS) == set(Failure)
    assert all(delay.reason for delay in DELAYS.values())


@pytest.mark.parametrize("failure", Failure)
def test_a_published_failure_is_followed_by_the_delay_of_its_class(
    failure: Failure,
) -> None:
    pause = pause_after(failed(failure), POLICY, sure=True)

    assert pause == DELAYS[failure].seconds
    if failure in ACTS:
        assert pause >= 3600
    if failure in MENDS:
        assert pause == 0


@pytest.mark.parametrize("failure", Failure)
def test_what_is_not_yet_published_is_looked_at_again_after_a_period(
    failure: Failure,
) -> None:
    assert pause_after(failed(failure), POLICY, sure=False) == 0


@pytest.mark.parametrize("sure", [True, False])
@pytest.mark.parametrize(
    ("failure", "asked", "pause"),
    [
        (Failure.RATE_LIMIT, 90, 90),
        (Failure.RATE_LIMIT, 7, 0),
        (Failure.RATE_LIMIT, 86_400, LONGEST),
        (Failure.OVERLOADED, 61, 61),
        (Failure.INTERNAL, 500, 500),
    ],
)
def test_retry_after_is_honoured_up_to_an_hour_whether_published_or_not(
    failure: Failure, asked: float, pause: float, *, sure: bool
) -> None:
    assert pause_after(failed(failure, asked), POLICY, sure=sure) == pause


@pytest.mark.parametrize("failure", [*ACTS, Failure.QUOTA])
def test_a_short_retry_after_makes_no_refused_key_be_tried_sooner(
    failure: Failure,
) -> None:
    pause = pause_after(failed(failure, 61), POLICY, sure=True)
    assert pause == DELAYS[failure].seconds


@pytest.mark.parametrize("failure", Failure)
def test_without_backoff_every_class_is_asked_after_its_period(
    failure: Failure,
) -> None:
    policy = CheckPolicy(period=60)
    assert pause_after(failed(failure, 600), policy, sure=True) == 0


def test_a_delay_never_shortens_a_period() -> None:
    policy = CheckPolicy(period=7200, backoff=True)
    assert pause_after(failed(Failure.AUTH, 30), policy, sure=True) == 0


def test_what_is_well_is_asked_after_its_period() -> None:
    assert pause_after(CheckResult.healthy(), POLICY, sure=True) == 0


def test_what_traffic_has_told_is_looked_at_again_since_that_asks_nobody() -> None:
    told = CheckResult.degraded(Failure.QUOTA, "no credit is left", source="traffic")

    assert pause_after(told, POLICY, sure=True) == 0
