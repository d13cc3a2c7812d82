from typing import Any

import pytest

from app.backend.health.checks.stripe import Stripe
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.judging import answered, config_of

NO_RIGHT = {"error": {"type": "invalid_request_error", "message": "sk-quoted"}}


def judged(
    status: int, body: Any, *, key: str = "sk_test_x", where: str = "staging"
) -> CheckResult:
    config = config_of(STRIPE_SECRET_KEY=key, ENVIRONMENT=where)
    return Stripe().judge(answered(status, body), config)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"livemode": False}, None),
        (200, {"object": "balance"}, Failure.INTERNAL),
        (401, NO_RIGHT, Failure.AUTH),
        (401, {"error": {"code": "api_key_expired"}}, Failure.AUTH),
        (401, {"error": {"code": "secret_key_required"}}, Failure.CONFIG),
        (403, {"error": {"code": "testmode_charges_only"}}, Failure.PERMISSION),
        (402, {}, Failure.QUOTA),
        (403, NO_RIGHT, Failure.PERMISSION),
        (404, {}, Failure.CONFIG),
        (429, {"error": {"code": "rate_limit"}}, Failure.RATE_LIMIT),
        (500, {"error": {"type": "api_error"}}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = judged(status, body)
    assert result.failure is failure
    assert "sk-quoted" not in repr(result)


@pytest.mark.parametrize("where", ["development", "staging", "production"])
@pytest.mark.parametrize("live", [True, False])
def test_the_mode_must_be_the_environments(where: str, live: bool) -> None:  # noqa: FBT001 - a cell
    result = judged(200, {"livemode": live}, where=where)
    right = live == (where == "production")
    assert result.failure is (None if right else Failure.WRONG_MODE)
    assert result.data["livemode"] is live
    if not right:
        assert ("moves real money" if live else "earns none") in result.message
        assert ("sk_test_" if live else "sk_live_") in result.remedy


def test_a_restricted_key_that_may_not_read_the_balance_is_valid() -> None:
    result = judged(403, NO_RIGHT, key="rk_test_x")
    assert result.status is Status.HEALTHY
    assert "restricted" in result.message


@pytest.mark.parametrize(
    ("key", "where"), [("rk_live_x", "staging"), ("rk_test_x", "production")]
)
def test_a_restricted_keys_prefix_tells_its_mode(key: str, where: str) -> None:
    assert judged(403, NO_RIGHT, key=key, where=where).failure is Failure.WRONG_MODE


def test_the_balance_is_asked_for() -> None:
    read = Stripe().read(config_of(STRIPE_SECRET_KEY="canary"))
    assert read is not None
    assert (read.method, read.url) == ("GET", "https://api.stripe.com/v1/balance")
    assert read.headers == {"authorization": "Bearer canary"}
