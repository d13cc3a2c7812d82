"""Sentry, PostHog and Slack."""

from collections.abc import Iterator

from tests.support.rule_cases.case import ERROR, WARNING, Case, alike

__all__ = ["monitoring_cases"]


def monitoring_cases() -> Iterator[Case]:
    dsn, slack = "SENTRY_DSN", "PM33_SLACK_WEBHOOK"
    for name, text in {
        "a DSN without a key": "https://o48151.ingest.sentry.io/4506231",
        "a DSN without a project": "https://4f1c9a7e52d84b06@o48151.ingest.sentry.io/",
        "a DSN that is no URL": "4f1c9a7e52d84b06",
        "a DSN with an odd port": "https://4f1c9a7e@o48151.ingest.sentry.io:x/45",
    }.items():
        yield from alike(
            name,
            {dsn: text},
            dsn,
            "sentry-dsn",
            production=ERROR,
            staging=ERROR,
            development=ERROR,
        )
    for name, text in {
        "a webhook cut off": "https://hooks.slack.com/services/T04K8QZ",
        "a workflow's trigger": "https://hooks.slack.com/triggers/T04/56/7ab",
        "a channel as webhook": "#deployments",
    }.items():
        yield from alike(
            name,
            {slack: text},
            slack,
            "slack-webhook",
            production=ERROR,
            staging=ERROR,
            development=WARNING,
        )
    yield from alike(
        "a webhook elsewhere",
        {slack: "https://hooks.slak.com/services/T04K8QZ/B05WN2R/Nq8wKc2v"},
        slack,
        "slack-webhook-host",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    yield from alike(
        "PostHog without TLS",
        {"POSTHOG_HOST": "http://posthog.pm33.app"},
        "POSTHOG_HOST",
        "plain-http",
        production=WARNING,
        staging=None,
    )
