from typing import Any

import pytest

from app.backend.clients import CLIENTS, FailedAnswer, Outcomes
from app.backend.health.checks.vendor import Vendor
from app.backend.health.checks.vendor_check import TERMS
from app.backend.health.checks.vendor_traffic import (
    EXPIRY,
    POSTPONED,
    OwnLook,
    judge_traffic,
)
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.judging import config_of

PERIOD = 60.0
NOW = 100_000.0
BY_NAME = {vendor.name: vendor for vendor in VENDORS}
HEALTHY = CheckResult.healthy(livemode=True)


def judged(
    seen: Outcomes,
    *,
    own: CheckResult | None = HEALTHY,
    looked: float = PERIOD,
    vendor: str = "anthropic",
) -> CheckResult | None:
    """What traffic tells, some seconds after a look of our own."""
    look = OwnLook(NOW - looked, own) if own else None
    one: Vendor = BY_NAME[vendor]
    return judge_traffic(one, seen, look, config_of(), now=NOW, period=PERIOD)


def failed(
    status: int, body: Any = None, *, ago: float = 1, method: str = "POST"
) -> FailedAnswer:
    return FailedAnswer(at=NOW - ago, method=method, status=status, body=body)


def with_failures(*answers: FailedAnswer) -> Outcomes:
    seen = Outcomes()
    for answer in answers:
        seen.failed(answer)
    return seen


def error(**members: str) -> dict[str, Any]:
    return {"error": members}


NO_CREDIT = error(message="Your credit balance is too low to access the API.")


@pytest.mark.parametrize(
    ("vendor", "status", "body", "failure"),
    [
        ("anthropic", 400, NO_CREDIT, Failure.QUOTA),
        ("anthropic", 401, error(type="authentication_error"), Failure.AUTH),
        ("openai", 429, error(code="insufficient_quota"), Failure.QUOTA),
        ("openai", 401, None, Failure.AUTH),
        ("together", 402, error(), Failure.QUOTA),
        ("pinecone", 401, None, Failure.AUTH),
        ("stripe", 401, error(code="api_key_expired"), Failure.AUTH),
    ],
)
def test_a_refused_key_or_a_used_up_quota_turns_the_check(
    vendor: str, status: int, body: Any, failure: Failure
) -> None:
    result = judged(with_failures(failed(status, body)), vendor=vendor)

    assert result is not None
    assert (result.status, result.failure) == (Status.DEGRADED, failure)
    assert result.data["source"] == "traffic"
    assert result.data["variable"] in BY_NAME[vendor].variables
    assert result.remedy


@pytest.mark.parametrize(
    ("vendor", "status", "body"),
    [
        ("anthropic", 400, error(message="max_tokens: too many")),
        ("anthropic", 404, error(type="not_found_error")),
        ("anthropic", 500, None),
        ("anthropic", 529, error(type="overloaded_error")),
        ("openai", 429, error(code="rate_limit_exceeded")),
        ("openai", 403, error()),
        # A customer's card.
        ("stripe", 402, error(type="card_error", code="card_declined")),
        ("stripe", 400, error(type="invalid_request_error")),
    ],
)
def test_what_may_be_one_calls_own_fault_turns_nothing(
    vendor: str, status: int, body: Any
) -> None:
    assert judged(with_failures(failed(status, body)), vendor=vendor) is None


def test_other_failures_do_not_hide_a_used_up_quota() -> None:
    seen = with_failures(failed(400, NO_CREDIT, ago=9), failed(500), failed(429))
    result = judged(seen)

    assert result is not None
    assert result.failure is Failure.QUOTA


def test_a_success_of_the_same_kind_turns_it_back() -> None:
    seen = with_failures(failed(400, NO_CREDIT, ago=9))
    seen.succeeded("GET", NOW - 5)
    still = judged(seen)
    assert still is not None
    assert still.failure is Failure.QUOTA
    seen.succeeded("POST", NOW - 1)
    result = judged(seen)

    assert result is not None
    assert result.status is Status.HEALTHY


def test_a_refusal_that_nobody_has_met_again_is_forgotten() -> None:
    assert judged(with_failures(failed(401, ago=EXPIRY - 1))) is not None
    assert judged(with_failures(failed(401, ago=EXPIRY + 1))) is None


def test_fresh_successes_stand_in_for_a_look_and_keep_what_it_found() -> None:
    seen = Outcomes()
    seen.succeeded("POST", NOW - 59)
    result = judged(seen)

    assert result is not None
    assert result.status is Status.HEALTHY
    assert result.data["livemode"] is True
    assert result.data["traffic"] == {"successes": 1, "failures": 0, "silences": 0}


def test_a_success_that_is_older_than_a_period_does_not() -> None:
    seen = Outcomes()
    seen.succeeded("POST", NOW - 61)

    assert judged(seen) is None


def test_neither_does_one_that_trouble_has_followed() -> None:
    seen = Outcomes()
    seen.succeeded("POST", NOW - 9)
    seen.unanswered(NOW - 8)

    assert judged(seen) is None


@pytest.mark.parametrize(
    ("own", "looked"),
    [
        pytest.param(None, 0, id="never"),
        pytest.param(HEALTHY, POSTPONED * PERIOD + 1, id="long ago"),
        pytest.param(
            CheckResult.degraded(Failure.WRONG_MODE, "a live key"), 60, id="ill"
        ),
    ],
)
def test_what_only_a_look_shows_is_looked_at(
    own: CheckResult | None, looked: float
) -> None:
    seen = Outcomes()
    seen.succeeded("POST", NOW - 1)

    assert judged(seen, own=own, looked=looked) is None


def test_whoever_has_a_client_has_a_check() -> None:
    assert set(CLIENTS) <= TERMS.keys()
