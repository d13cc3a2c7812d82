"""Slack: the webhook by a message that it must refuse, the bot's token by auth.test.

A webhook can only be posted to. A message without text is refused with ``no_text``
once the webhook is known, and never posted; an unknown one is refused as such
(https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Handling
errors"). Secret scanners verify webhooks the same way (trufflesecurity/trufflehog,
``pkg/detectors/slackwebhook``). What takes Slack's format elsewhere may post an empty
message, so it is not asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.backend.config.environment import Config
from app.backend.config.urls import SLACK_HOSTS, split_url
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    judge_answer,
    strange,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["BOT_ANSWERS", "WEBHOOK_ANSWERS", "SlackBot", "SlackWebhook"]

_WHO = "Slack"
_WEBHOOKS = "Create an incoming webhook at api.slack.com/apps for PM33_SLACK_WEBHOOK."
_TOKENS = "Install the app again at api.slack.com/apps and set SLACK_BOT_TOKEN."
_ADMIN = "Ask the workspace's administrators."
_CHANNEL = "Create the webhook for a channel that is in use."

WEBHOOK_ANSWERS = (
    Row(400, "no_text", None, "the webhook is known"),
    Row(400, "missing_text", None, "the webhook is known"),
    Row(400, "missing_text_or_fallback_or_attachments", None, "the webhook is known"),
    Row(401, "", Failure.AUTH, "it refuses the webhook", _WEBHOOKS),
    Row(403, "invalid_token", Failure.AUTH, "it does not know the webhook", _WEBHOOKS),
    Row(403, "action_prohibited", Failure.PERMISSION, "posting is restricted", _ADMIN),
    Row(
        403,
        "posting_to_general_channel_denied",
        Failure.PERMISSION,
        "posting to that channel is restricted",
        _ADMIN,
    ),
    Row(403, "team_disabled", Failure.AUTH, "the workspace is disabled", _ADMIN),
    STRANGER,
    Row(403, "", Failure.PERMISSION, "the webhook may not post", _ADMIN),
    Row(404, "channel_not_found", Failure.CONFIG, "the channel is gone", _CHANNEL),
    Row(404, "", Failure.AUTH, "the webhook is disabled or removed", _WEBHOOKS),
    Row(410, "", Failure.CONFIG, "the channel is archived", _CHANNEL),
    *OUTAGES,
)
"""What the webhook says, in one word of plain text."""

BOT_ANSWERS = (
    Row(200, "invalid_auth", Failure.AUTH, "it refuses the token", _TOKENS),
    Row(200, "not_authed", Failure.AUTH, "it got no token", _TOKENS),
    Row(200, "account_inactive", Failure.AUTH, "the bot is deactivated", _TOKENS),
    Row(200, "token_revoked", Failure.AUTH, "the token is revoked", _TOKENS),
    Row(200, "token_expired", Failure.AUTH, "the token has expired", _TOKENS),
    Row(200, "not_allowed_token_type", Failure.AUTH, "this is no bot's token", _TOKENS),
    Row(200, "missing_scope", Failure.PERMISSION, "the token lacks a scope", _TOKENS),
    Row(200, "no_permission", Failure.PERMISSION, "the bot may not ask", _ADMIN),
    Row(200, "access_denied", Failure.PERMISSION, "the bot may not ask", _ADMIN),
    Row(200, "accesslimited", Failure.PERMISSION, "this network may not ask", _ADMIN),
    Row(
        200, "team_access_not_granted", Failure.PERMISSION, "the team is closed", _ADMIN
    ),
    Row(200, "ekm_access_denied", Failure.PERMISSION, "access is suspended", _ADMIN),
    Row(
        200,
        "ratelimited",
        Failure.RATE_LIMIT,
        "too many requests for now",
        "Ask less often.",
    ),
    Row(
        200,
        "service_unavailable",
        Failure.OVERLOADED,
        "it is unavailable for now",
        "Wait; see slack-status.com.",
    ),
    Row(401, "", Failure.AUTH, "it refuses the token", _TOKENS),
    Row(402, "", Failure.QUOTA, "it reports a problem with billing", _ADMIN),
    STRANGER,
    Row(403, "", Failure.PERMISSION, "the bot may not ask", _ADMIN),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no auth.test at this address",
        "Correct HEALTH_SLACK_BASE_URL; it ends before /api.",
    ),
    *OUTAGES,
)
"""``error`` of an answer with ``ok: false``, which is HTTP 200."""


class SlackWebhook:
    """``POST`` of a message without text."""

    name = "slack"
    variables = ("PM33_SLACK_WEBHOOK",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """Only of Slack's own hosts; the address is the secret."""
        webhook = secret(config.monitoring.slack_webhook)
        parts = split_url(webhook)
        if parts is None or parts.hostname not in SLACK_HOSTS:
            return None
        base = base_url(self.name, config, f"{parts.scheme}://{parts.netloc}")
        return Read(
            method="POST",
            url=f"{base}{parts.path}",
            headers={"content-type": "application/json", "accept": "text/plain"},
            content=b'{"text": ""}',
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`WEBHOOK_ANSWERS`; a 2xx would be no Slack."""
        del config
        if answer.text:
            answer = replace(answer, fault=None)
        return judge_answer(
            answer,
            WEBHOOK_ANSWERS,
            who=_WHO,
            code=answer.text,
            found=lambda _: strange(_WHO),
        )


class SlackBot:
    """``POST /api/auth.test``, which tells the token's owner who it is."""

    name = "slack"
    variables = ("SLACK_BOT_TOKEN",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The token goes as Bearer."""
        token = secret(config.monitoring.slack_bot_token)
        if token is None:
            return None
        return Read(
            method="POST",
            url=f"{base_url(self.name, config, 'https://slack.com')}/api/auth.test",
            headers={"authorization": f"Bearer {token}"},
            content=b"",
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`BOT_ANSWERS`."""
        del config
        body = answer.body
        word = body.get("error") if isinstance(body, Mapping) else None
        code = word if isinstance(word, str) else ""
        return judge_answer(answer, BOT_ANSWERS, who=_WHO, code=code, found=_of_test)


def _of_test(body: Any) -> CheckResult | None:
    known = isinstance(body, Mapping) and body.get("ok") is True
    return None if known else strange(_WHO)
