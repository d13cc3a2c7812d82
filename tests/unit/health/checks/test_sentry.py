from typing import Any

import pytest

from app.backend.health.checks.sentry import SentryIngest, SentryKey
from app.backend.health.models import CheckResult, Failure
from tests.support.judging import answered, config_of, unreadable

DSN = "https://canary@o7.ingest.us.sentry.io/42"
NAMES = {"SENTRY_ORG": "acme", "SENTRY_PROJECT": "web"}
FULL = config_of(SENTRY_DSN=DSN, SENTRY_AUTH_TOKEN="sntryu_x", **NAMES)


def judged(status: int, body: Any) -> CheckResult:
    return SentryKey().judge(answered(status, body), FULL)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"isActive": True, "projectId": 42}, None),
        (200, {"isActive": True}, None),
        (200, {"isActive": False, "projectId": 42}, Failure.AUTH),
        (200, {"isActive": True, "projectId": 43}, Failure.CONFIG),
        (200, [{"isActive": True}], Failure.INTERNAL),
        (401, {"detail": "Invalid token"}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {"detail": "no permission"}, Failure.PERMISSION),
        (404, {"detail": "does not exist"}, Failure.CONFIG),
        (429, {}, Failure.RATE_LIMIT),
        (500, {}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_about_the_key_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    assert judged(status, body).failure is failure


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, None),
        (401, None),
        (403, Failure.INTERNAL),
        (404, Failure.CONFIG),
        (405, None),
        (429, Failure.RATE_LIMIT),
        (500, Failure.INTERNAL),
        (503, Failure.OVERLOADED),
        (302, Failure.INTERNAL),
        (200, Failure.INTERNAL),
    ],
)
def test_ingestion_proves_only_that_it_is_there(
    status: int, failure: Failure | None
) -> None:
    result = SentryIngest().judge(unreadable(status), FULL)
    assert result.failure is failure
    if failure is None:
        assert "can be reached" in result.message


@pytest.mark.parametrize(
    "body", [{"isActive": False}, {"isActive": True, "projectId": 1}]
)
def test_a_lost_key_is_blamed_on_the_dsn(body: Any) -> None:
    assert judged(200, body).data["variable"] == "SENTRY_DSN"


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        (DSN, "https://o7.ingest.us.sentry.io/api/42/envelope/"),
        ("https://k:old@h.example/base/7", "https://h.example/base/api/7/envelope/"),
        ("http://k@h.example:9000/7", "http://h.example:9000/api/7/envelope/"),
    ],
)
def test_the_envelopes_address_is_looked_up_without_the_key(dsn: str, url: str) -> None:
    read = SentryIngest().read(config_of(SENTRY_DSN=dsn))
    assert read is not None
    assert (read.method, read.url, dict(read.headers)) == ("GET", url, {})
    assert read.content is None


@pytest.mark.parametrize(
    "dsn",
    [
        "not a DSN",
        "https://h.example/7",
        "https://k@h.example/project",
        "https://k@h.example:port/7",
        "ftp://k@h.example/7",
    ],
)
def test_a_dsn_that_is_none_cannot_be_asked(dsn: str) -> None:
    read = SentryIngest().read(config_of(SENTRY_DSN=dsn))
    assert read is not None
    assert read.url == ""
    config = config_of(SENTRY_DSN=dsn, SENTRY_AUTH_TOKEN="x", **NAMES)
    assert SentryKey().read(config) is None


@pytest.mark.parametrize(
    ("host", "api"),
    [
        ("o7.ingest.us.sentry.io", "https://us.sentry.io"),
        ("o7.ingest.de.sentry.io", "https://de.sentry.io"),
        ("o7.ingest.sentry.io", "https://sentry.io"),
        ("sentry.example.com", "https://sentry.example.com"),
    ],
)
def test_the_api_is_where_the_dsn_says(host: str, api: str) -> None:
    config = config_of(
        SENTRY_DSN=f"https://canary@{host}/42", SENTRY_AUTH_TOKEN="sntryu_x", **NAMES
    )
    read = SentryKey().read(config)
    assert read is not None
    assert read.url == f"{api}/api/0/projects/acme/web/keys/canary/"
    assert read.headers == {"authorization": "Bearer sntryu_x"}


@pytest.mark.parametrize(
    "without", ["SENTRY_DSN", "SENTRY_AUTH_TOKEN", "SENTRY_ORG", "SENTRY_PROJECT"]
)
def test_the_api_is_asked_only_with_all_that_it_takes(without: str) -> None:
    all_of_it = {"SENTRY_DSN": DSN, "SENTRY_AUTH_TOKEN": "sntryu_x", **NAMES}
    rest = {name: value for name, value in all_of_it.items() if name != without}
    assert SentryKey().read(config_of(**rest)) is None


def test_an_organisations_token_is_not_tried() -> None:
    config = config_of(SENTRY_DSN=DSN, SENTRY_AUTH_TOKEN="sntrys_x", **NAMES)
    assert SentryKey().read(config) is None
