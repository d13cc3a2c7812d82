from typing import Any

import pytest

from app.backend.health.checks.openai import OpenAI
from app.backend.health.models import Failure
from tests.support.judging import answered, config_of, unreadable


def error(code: str | None, kind: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "type": kind, "message": "sk-quoted"}}


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"object": "list", "data": []}, None),
        (200, {"object": "list"}, Failure.INTERNAL),
        (401, error("invalid_api_key"), Failure.AUTH),
        (402, error(None), Failure.QUOTA),
        (403, error("unsupported_country_region_territory"), Failure.PERMISSION),
        (403, error("missing_scope"), Failure.PERMISSION),
        (404, error(None), Failure.CONFIG),
        (429, error("rate_limit_exceeded", "requests"), Failure.RATE_LIMIT),
        (429, error("slow_down", "rate_limit_error"), Failure.RATE_LIMIT),
        (429, error(None, "insufficient_quota"), Failure.QUOTA),
        (429, error("insufficient_quota", "insufficient_quota"), Failure.QUOTA),
        (429, error("credit_balance_exhausted", "insufficient_quota"), Failure.QUOTA),
        (429, error("project_spend_limit_exceeded"), Failure.QUOTA),
        (429, error("organization_spend_limit_exceeded"), Failure.QUOTA),
        (429, error("organization_usage_limit_exceeded"), Failure.QUOTA),
        (429, error("billing_hard_limit_reached"), Failure.QUOTA),
        (500, error(None), Failure.INTERNAL),
        (503, error("server_is_overloaded"), Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = OpenAI().judge(answered(status, body), config_of())
    assert result.failure is failure
    assert "sk-quoted" not in repr(result)


def test_a_429_that_cannot_be_read_is_taken_for_a_limit_that_passes() -> None:
    assert OpenAI().judge(unreadable(429), config_of()).failure is Failure.RATE_LIMIT


def test_the_key_goes_as_bearer() -> None:
    read = OpenAI().read(config_of(OPENAI_API_KEY="canary"))
    assert read is not None
    assert read.method == "GET"
    assert read.url == "https://api.openai.com/v1/models"
    assert read.headers == {"authorization": "Bearer canary"}
