import json
from typing import Any

import pytest

from app.backend.health.checks.posthog import PostHog
from app.backend.health.models import Failure
from tests.support.judging import answered, config_of, spoken


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"flags": {}}, None),
        (200, {"featureFlags": {}}, None),
        (200, {"flags": {}, "quotaLimited": []}, None),
        (200, {"flags": {}, "quotaLimited": ["feature_flags"]}, Failure.QUOTA),
        (200, {"status": 1}, Failure.INTERNAL),
        (401, {"code": "invalid_api_key"}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {}, Failure.PERMISSION),
        (404, {}, Failure.CONFIG),
        (429, {}, Failure.RATE_LIMIT),
        (500, {}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = PostHog().judge(answered(status, body), config_of())
    assert result.failure is failure


def test_a_bad_token_is_refused_in_plain_text() -> None:
    answer = spoken(401, "The provided API key is invalid or has expired.")
    result = PostHog().judge(answer, config_of())
    assert result.failure is Failure.AUTH
    assert "eu.i.posthog.com" in result.remedy


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "https://us.i.posthog.com"),
        ({"POSTHOG_HOST": "https://eu.i.posthog.com/"}, "https://eu.i.posthog.com"),
        (
            {
                "POSTHOG_HOST": "https://eu.i.posthog.com",
                "HEALTH_POSTHOG_BASE_URL": "http://127.0.0.1:9",
            },
            "http://127.0.0.1:9",
        ),
    ],
)
def test_the_host_follows_the_region(variables: dict[str, str], host: str) -> None:
    read = PostHog().read(config_of(POSTHOG_PROJECT_API_KEY="phc_x", **variables))
    assert read is not None
    assert read.url == f"{host}/flags/?v=2"


def test_no_flag_is_evaluated_and_no_event_sent() -> None:
    read = PostHog().read(config_of(POSTHOG_PROJECT_API_KEY="phc_x"))
    assert read is not None
    assert json.loads(read.content or b"") == {
        "api_key": "phc_x",
        "distinct_id": "pm33-health",
        "disable_flags": True,
    }
