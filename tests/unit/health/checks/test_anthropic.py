from typing import Any

import pytest

from app.backend.health.checks.anthropic import Anthropic
from app.backend.health.models import Failure
from tests.support.judging import answered, config_of

SPENT = {
    "error": {
        "type": "rate_limit_error",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }
}


NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans &"
    " Billing to upgrade or purchase credits."
)
LIMIT = (
    "You have reached your specified API usage limits. You will regain access on"
    " 2026-04-01 at 00:00 UTC."
)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"data": [], "has_more": False}, None),
        (400, {"error": {"message": NO_CREDIT}}, Failure.QUOTA),
        (400, {"error": {"message": LIMIT}}, Failure.QUOTA),
        (400, {"error": {"message": "max_tokens: required"}}, Failure.INTERNAL),
        (400, {"error": {"message": 7}}, Failure.INTERNAL),
        (200, {"models": []}, Failure.INTERNAL),
        (401, {"error": {"type": "authentication_error"}}, Failure.AUTH),
        (402, {"error": {"type": "billing_error"}}, Failure.QUOTA),
        (403, {"error": {"type": "permission_error"}}, Failure.PERMISSION),
        (404, {"error": {"type": "not_found_error"}}, Failure.CONFIG),
        (429, {"error": {"type": "rate_limit_error"}}, Failure.RATE_LIMIT),
        (429, SPENT, Failure.QUOTA),
        (500, {"error": {"type": "api_error"}}, Failure.INTERNAL),
        (529, {"error": {"type": "overloaded_error"}}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = Anthropic().judge(answered(status, body), config_of())
    assert result.failure is failure


def test_one_model_is_asked_for_with_the_key_in_its_own_header() -> None:
    read = Anthropic().read(config_of(ANTHROPIC_API_KEY="canary"))
    assert read is not None
    assert read.url == "https://api.anthropic.com/v1/models?limit=1"
    assert read.headers["x-api-key"] == "canary"
    assert "authorization" not in read.headers
    assert "anthropic-version" in read.headers


@pytest.mark.parametrize("base", ["http://h", "http://h/", "http://h/v1"])
def test_a_set_address_may_end_with_the_version(base: str) -> None:
    read = Anthropic().read(
        config_of(ANTHROPIC_API_KEY="x", HEALTH_ANTHROPIC_BASE_URL=base)
    )
    assert read is not None
    assert read.url == "http://h/v1/models?limit=1"
