from typing import Any

import pytest

from app.backend.health.checks.pinecone import Pinecone
from app.backend.health.models import CheckResult, Failure
from tests.support.judging import answered, config_of

NAMED = config_of(PINECONE_API_KEY="canary", PINECONE_INDEX="my index")


def index(state: str, *, ready: bool) -> dict[str, Any]:
    vector = {"type": "dense_vector", "dimension": 1536, "metric": "cosine"}
    fields = {"title": {"type": "string"}, "embedding": vector}
    return {"status": {"ready": ready, "state": state}, "schema": {"fields": fields}}


def judged(status: int, body: Any) -> CheckResult:
    return Pinecone().judge(answered(status, body), NAMED)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, index("Ready", ready=True), None),
        (200, index("ScalingUp", ready=True), None),
        (200, index("Initializing", ready=False), Failure.OVERLOADED),
        (200, index("sk-quoted", ready=False), Failure.OVERLOADED),
        (200, index("InitializationFailed", ready=False), Failure.CONFIG),
        (200, {"status": {}}, Failure.INTERNAL),
        (200, {"indexes": []}, Failure.INTERNAL),
        (401, {}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {"error": {"code": "FORBIDDEN"}}, Failure.PERMISSION),
        (404, {"error": {"code": "NOT_FOUND"}}, Failure.CONFIG),
        (429, {}, Failure.RATE_LIMIT),
        (500, {}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = judged(status, body)
    assert result.failure is failure
    assert "sk-quoted" not in repr(result)


def test_a_ready_index_tells_what_an_embedding_must_fit() -> None:
    data = judged(200, index("Ready", ready=True)).data
    assert (data["dimension"], data["metric"]) == (1536, "cosine")


def test_a_wrong_index_is_not_blamed_on_the_key() -> None:
    assert judged(404, {}).data["variable"] == "PINECONE_INDEX"


def test_the_configured_index_is_described() -> None:
    read = Pinecone().read(NAMED)
    assert read is not None
    assert read.url == "https://api.pinecone.io/indexes/my%20index"
    assert read.headers["api-key"] == "canary"


def test_without_an_index_the_list_proves_the_key() -> None:
    config = config_of(PINECONE_API_KEY="canary")
    read = Pinecone().read(config)
    assert read is not None
    assert read.url == "https://api.pinecone.io/indexes"
    assert Pinecone().judge(answered(200, {"indexes": []}), config).failure is None
    strange = Pinecone().judge(answered(200, {"status": {}}), config)
    assert strange.failure is Failure.INTERNAL
