from typing import Any

import pytest

from app.backend.health.checks.resend import Resend
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.judging import answered, config_of, unreadable


def judged(status: int, body: Any) -> CheckResult:
    return Resend().judge(answered(status, body), config_of())


def domains(*states: str) -> dict[str, Any]:
    return {"data": [{"name": "example.com", "status": state} for state in states]}


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, domains(), None),
        (200, domains("verified"), None),
        (200, domains("pending", "verified"), None),
        (200, domains("pending"), Failure.CONFIG),
        (200, domains("failed", "not_started"), Failure.CONFIG),
        (200, {"object": "list"}, Failure.INTERNAL),
        (401, {"name": "restricted_api_key"}, None),
        (401, {"name": "missing_api_key"}, Failure.AUTH),
        (401, {}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {"name": "invalid_api_key"}, Failure.AUTH),
        (403, {"name": "validation_error"}, Failure.PERMISSION),
        (404, {"name": "not_found"}, Failure.CONFIG),
        (429, {"name": "rate_limit_exceeded"}, Failure.RATE_LIMIT),
        (429, {"name": "daily_quota_exceeded"}, Failure.QUOTA),
        (429, {"name": "monthly_quota_exceeded"}, Failure.QUOTA),
        (500, {"name": "internal_server_error"}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    assert judged(status, body).failure is failure


def test_a_key_that_may_only_send_is_healthy() -> None:
    result = judged(401, {"name": "restricted_api_key"})
    assert result.status is Status.HEALTHY
    assert result.message == "Resend: the key is valid, and may only send"


def test_a_401_that_cannot_be_read_is_a_bad_key() -> None:
    assert Resend().judge(unreadable(401), config_of()).failure is Failure.AUTH


def test_domains_are_counted_and_not_named() -> None:
    data = judged(200, domains("pending", "verified")).data
    assert (data["domains"], data["verified"]) == (2, 1)
    assert "example.com" not in repr(data)


def test_the_list_of_domains_is_asked_for() -> None:
    read = Resend().read(config_of(RESEND_API_KEY="canary"))
    assert read is not None
    assert (read.method, read.url) == ("GET", "https://api.resend.com/domains")
    assert read.headers == {"authorization": "Bearer canary"}
    assert read.content is None
