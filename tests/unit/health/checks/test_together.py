from typing import Any

import pytest

from app.backend.health.checks.together import Together
from app.backend.health.models import Failure
from tests.support.judging import answered, config_of


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, [{"id": "llama"}], None),
        (200, {"object": "list", "data": []}, None),
        (200, {"id": "llama"}, Failure.INTERNAL),
        (401, {"error": {"code": "invalid_api_key"}}, Failure.AUTH),
        (402, {"error": {}}, Failure.QUOTA),
        (403, {"error": {}}, Failure.PERMISSION),
        (404, {"error": {}}, Failure.CONFIG),
        (429, {"error": {}}, Failure.RATE_LIMIT),
        (500, {"error": {}}, Failure.INTERNAL),
        (503, {"error": {}}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = Together().judge(answered(status, body), config_of())
    assert result.failure is failure


def test_no_project_need_be_named() -> None:
    read = Together().read(config_of(TOGETHER_API_KEY="canary"))
    assert read is not None
    assert read.url == "https://api.together.ai/v1/models?dedicated=true"
    assert read.headers == {"authorization": "Bearer canary"}
