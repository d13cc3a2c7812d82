from typing import Any

import pytest

from app.backend.health.checks.vendor import Answer, Vendor
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    error_word,
    judge_answer,
    retry_after,
)
from app.backend.health.checks.vendor_replies import late
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.judging import SILENCE, answered, config_of, unreadable

ROWS = (
    Row(401, "known", None, "fine"),
    Row(401, "", Failure.AUTH, "refused", "Mend it.", "OTHER"),
    STRANGER,
    Row(403, "", Failure.PERMISSION, "may not"),
    *OUTAGES,
)


def judged(answer: Answer, code: str = "") -> CheckResult:
    return judge_answer(answer, ROWS, who="Vendor", code=code)


def test_the_first_row_that_fits_decides() -> None:
    assert judged(answered(401), "known").status is Status.HEALTHY
    assert judged(answered(401), "other").failure is Failure.AUTH


def test_a_row_names_what_is_to_blame_if_it_is_not_the_first() -> None:
    result = judged(answered(401))
    assert result.data["variable"] == "OTHER"
    assert (result.message, result.remedy) == ("Vendor: refused", "Mend it.")


def test_a_word_that_no_row_knows_is_not_repeated() -> None:
    assert "code" not in judged(answered(401), "sk-secret").data
    assert judged(answered(401), "known").data["code"] == "known"


def test_silence_is_unhealthy_and_keeps_its_class() -> None:
    result = judged(SILENCE)
    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.DNS)
    assert result.transient


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, Failure.INTERNAL),
        (307, Failure.INTERNAL),
        (418, Failure.INTERNAL),
        (429, Failure.RATE_LIMIT),
        (500, Failure.INTERNAL),
        (502, Failure.INTERNAL),
        (503, Failure.OVERLOADED),
        (504, Failure.INTERNAL),
        (520, Failure.INTERNAL),
        (529, Failure.OVERLOADED),
    ],
)
def test_outages_are_degraded(status: int, failure: Failure) -> None:
    for answer in (answered(status), unreadable(status)):
        result = judged(answer)
        assert (result.status, result.failure) == (Status.DEGRADED, failure)


def test_a_refusal_that_is_no_json_is_somebody_elses() -> None:
    assert judged(unreadable(403)).failure is Failure.INTERNAL
    assert judged(answered(403)).failure is Failure.PERMISSION


def test_an_answer_that_cannot_be_read_is_degraded() -> None:
    result = judged(unreadable(200))
    assert (result.status, result.failure) == (Status.DEGRADED, Failure.INTERNAL)


def test_an_answer_without_a_judge_is_healthy() -> None:
    assert judged(answered(200)).data == {"http_status": 200}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 03:00:10 GMT"}, None),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 03:00:10 GMT",
                "date": "Mon, 23 Nov 2026 03:00:00 GMT",
            },
            10.0,
        ),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 03:00:00 GMT",
                "date": "Mon, 23 Nov 2026 03:00:10 GMT",
            },
            0.0,
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"error": {"code": "a", "type": "b"}}, "a"),
        ({"error": {"code": None, "type": "b"}}, "b"),
        ({"error": {"code": 7}}, ""),
        ({"error": "text"}, ""),
        (["list"], ""),
        (None, ""),
    ],
)
def test_a_word_of_error_is_found_or_nothing(body: object, word: str) -> None:
    assert error_word(body, "code", "type") == word


ODD_BODIES: tuple[Any, ...] = (
    None,
    [],
    {},
    "text",
    7,
    True,
    {"data": 7},
    {"error": [1]},
    [{"a": 1}],
)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: one.variables[0])
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 418, 429])
def test_no_body_whatever_breaks_a_judge(vendor: Vendor, status: int) -> None:
    config = config_of(SENTRY_DSN="https://key@host/1", PINECONE_INDEX="i")
    for body in ODD_BODIES:
        result = vendor.judge(answered(status, body), config)
        assert result.failure is not None or result.status is Status.HEALTHY


@pytest.mark.parametrize("status", [302, 400])
def test_the_remedy_names_the_variable_of_the_check(status: int) -> None:
    result = judge_answer(answered(status), OUTAGES, who="PostHog")

    assert result.remedy == "Correct the address (HEALTH_POSTHOG_BASE_URL)."


def test_seconds_are_told_as_people_say_them() -> None:
    assert late("api.example.com", 0.899991).message.endswith("within 0.9 s")
    assert late("api.example.com", 8.99998).message.endswith("within 9 s")
