from typing import Any

import pytest

from app.backend.health.checks.slack import SlackBot, SlackWebhook
from app.backend.health.models import Failure, Status
from tests.support.judging import answered, config_of, spoken, unreadable

HOOK = "https://hooks.slack.com/services/T0/B0/canary"


@pytest.mark.parametrize(
    ("status", "word", "failure"),
    [
        (400, "no_text", None),
        (400, "missing_text_or_fallback_or_attachments", None),
        (400, "invalid_payload", Failure.INTERNAL),
        (200, "ok", Failure.INTERNAL),
        (403, "invalid_token", Failure.AUTH),
        (403, "action_prohibited", Failure.PERMISSION),
        (403, "team_disabled", Failure.AUTH),
        (404, "no_service", Failure.AUTH),
        (404, "no_team", Failure.AUTH),
        (404, "channel_not_found", Failure.CONFIG),
        (410, "channel_is_archived", Failure.CONFIG),
        (429, "rate_limited", Failure.RATE_LIMIT),
        (500, "rollup_error", Failure.INTERNAL),
        (503, "", Failure.OVERLOADED),
    ],
)
def test_each_word_of_the_webhook_has_its_class(
    status: int, word: str, failure: Failure | None
) -> None:
    result = SlackWebhook().judge(spoken(status, word), config_of())
    assert result.failure is failure


def test_a_known_webhook_is_healthy_by_its_refusal() -> None:
    result = SlackWebhook().judge(spoken(400, "no_text"), config_of())
    assert result.status is Status.HEALTHY


def test_a_page_in_the_webhooks_place_is_somebody_elses() -> None:
    result = SlackWebhook().judge(unreadable(403), config_of())
    assert result.failure is Failure.INTERNAL


def test_the_webhook_gets_a_message_that_cannot_be_posted() -> None:
    read = SlackWebhook().read(config_of(PM33_SLACK_WEBHOOK=HOOK))
    assert read is not None
    assert (read.method, read.url) == ("POST", HOOK)
    assert read.content == b'{"text": ""}'
    assert "canary" not in repr(read)


@pytest.mark.parametrize(
    "hook",
    [
        "https://mattermost.example.com/hooks/canary",
        "https://hooks.slack.com.example.com/services/canary",
        "https://[::1/hooks",
        "canary",
    ],
)
def test_what_takes_slacks_format_elsewhere_gets_nothing(hook: str) -> None:
    assert SlackWebhook().read(config_of(PM33_SLACK_WEBHOOK=hook)) is None


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"ok": True, "team": "x"}, None),
        (200, {"ok": False, "error": "invalid_auth"}, Failure.AUTH),
        (200, {"ok": False, "error": "token_revoked"}, Failure.AUTH),
        (200, {"ok": False, "error": "account_inactive"}, Failure.AUTH),
        (200, {"ok": False, "error": "missing_scope"}, Failure.PERMISSION),
        (200, {"ok": False, "error": "accesslimited"}, Failure.PERMISSION),
        (200, {"ok": False, "error": "ratelimited"}, Failure.RATE_LIMIT),
        (200, {"ok": False, "error": "service_unavailable"}, Failure.OVERLOADED),
        (200, {"ok": False, "error": "fatal_error"}, Failure.INTERNAL),
        (200, {"ok": False}, Failure.INTERNAL),
        (401, {}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {}, Failure.PERMISSION),
        (404, {}, Failure.CONFIG),
        (429, {"ok": False, "error": "ratelimited"}, Failure.RATE_LIMIT),
        (500, {}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_to_the_bot_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = SlackBot().judge(answered(status, body), config_of())
    assert result.failure is failure


def test_the_bot_asks_who_it_is() -> None:
    read = SlackBot().read(config_of(SLACK_BOT_TOKEN="canary"))
    assert read is not None
    assert (read.method, read.url) == ("POST", "https://slack.com/api/auth.test")
    assert read.headers == {"authorization": "Bearer canary"}
    assert read.content == b""
