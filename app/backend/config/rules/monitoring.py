"""Whether Sentry, PostHog and Slack can be spoken to with what is there."""

import re
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import EVERYWHERE, Broken, Facts, Rule, severities
from app.backend.config.urls import (
    SLACK_HOSTS,
    is_http,
    is_railways_own,
    is_this_machine,
    split_url,
)

__all__ = ["RULES"]

_DSN = "SENTRY_DSN"
_SLACK = "PM33_SLACK_WEBHOOK"
_WEBHOOK_PATH = re.compile(r"/services/T\w+/B\w+/\w+")
_WEB = ("SUPABASE_URL", _DSN, "POSTHOG_HOST", _SLACK, "PM33_PUBLIC_URL")


def _bad_dsn(facts: Facts) -> Broken:
    text = facts.text(_DSN)
    if text is None:
        return
    parts = split_url(text)
    if parts is None or not is_http(text):
        yield _DSN, "is no http(s) URL"
    elif not parts.username:
        yield _DSN, "has no public key before an @"
    elif not re.fullmatch(r".*/\d+/?", parts.path):
        yield _DSN, "does not end with a project's number"


def _bad_webhook(facts: Facts) -> Broken:
    text = facts.text(_SLACK)
    if text is None:
        return
    parts = split_url(text)
    if parts is None or not is_http(text):
        yield _SLACK, "is no http(s) URL"
    elif parts.hostname not in SLACK_HOSTS:
        return
    elif parts.path.startswith(("/workflows/", "/triggers/")):
        yield _SLACK, "starts a workflow, which takes other messages than a webhook"
    elif not _WEBHOOK_PATH.fullmatch(parts.path):
        yield _SLACK, "has not the three parts of a webhook: it may be cut off"


def _other_host(facts: Facts) -> Broken:
    parts = split_url(facts.text(_SLACK))
    if parts is not None and parts.hostname and parts.hostname not in SLACK_HOSTS:
        yield _SLACK, "is at no host of Slack"


def _plain_http(facts: Facts) -> Broken:
    for name in _WEB:
        parts = split_url(facts.text(name))
        if parts is None or parts.scheme != "http" or not parts.hostname:
            continue
        host = parts.hostname
        if not is_this_machine(host) and not is_railways_own(host):
            yield name, "is reached without TLS"


RULES: Final = (
    Rule(
        name="sentry-dsn",
        variables=(_DSN,),
        severity=EVERYWHERE,
        reason="a DSN is https://PUBLIC_KEY@HOST/PROJECT_ID (docs.sentry.io, DSN);"
        " the SDK raises on another one",
        remedy="copy it from the project's settings, under Client Keys (DSN)",
        broken=_bad_dsn,
    ),
    Rule(
        name="slack-webhook",
        variables=(_SLACK,),
        severity=severities(Severity.ERROR, Severity.ERROR, Severity.WARNING),
        reason="an incoming webhook is https://hooks.slack.com/services/T.../B.../..."
        " (docs.slack.dev, incoming webhooks)",
        remedy="copy the URL from the Slack app's page Incoming Webhooks",
        broken=_bad_webhook,
    ),
    Rule(
        name="slack-webhook-host",
        variables=(_SLACK,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="other hosts that take Slack's messages exist, and misspelt ones, too",
        remedy="check that this host is meant",
        broken=_other_host,
    ),
    Rule(
        name="plain-http",
        variables=_WEB,
        severity=severities(Severity.WARNING),
        reason="keys and data could be read on the way",
        remedy="write https://",
        broken=_plain_http,
    ),
)
