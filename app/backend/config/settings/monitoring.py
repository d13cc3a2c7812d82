"""Settings of whom the service tells what happens."""

from typing import Literal

from pydantic import Field, SecretStr

from app.backend.config.settings.values import Group

__all__ = ["MonitoringSettings"]


class MonitoringSettings(Group):
    """Sentry, PostHog, Slack, and how the service itself logs."""

    sentry_dsn: SecretStr | None = Field(
        None,
        alias="SENTRY_DSN",
        description="DSN of the Sentry project, as in https://key@host/project.",
    )
    sentry_auth_token: SecretStr | None = Field(
        None,
        alias="SENTRY_AUTH_TOKEN",
        description="Token for Sentry's API, by which the DSN is seen to be live.",
    )
    sentry_org: str | None = Field(
        None,
        alias="SENTRY_ORG",
        description="Slug of the organisation at Sentry that the token is for.",
    )
    sentry_project: str | None = Field(
        None,
        alias="SENTRY_PROJECT",
        description="Slug of the project at Sentry that the token is for.",
    )
    posthog_project_api_key: SecretStr | None = Field(
        None,
        alias="POSTHOG_PROJECT_API_KEY",
        description="Project key of PostHog, by which events are sent; begins with "
        "phc_.",
    )
    posthog_personal_api_key: SecretStr | None = Field(
        None,
        alias="POSTHOG_PERSONAL_API_KEY",
        description="Personal key of PostHog, by which its API is read; begins with "
        "phx_.",
    )
    posthog_project_id: str | None = Field(
        None,
        alias="POSTHOG_PROJECT_ID",
        description="Number of the project at PostHog that the personal key reads.",
    )
    posthog_host: str | None = Field(
        None,
        alias="POSTHOG_HOST",
        description="URL of PostHog, where it is not the one in the United States.",
    )
    slack_webhook: SecretStr | None = Field(
        None,
        alias="PM33_SLACK_WEBHOOK",
        description="Incoming webhook of Slack, as in "
        "https://hooks.slack.com/services/…; the URL itself is the secret.",
    )
    slack_bot_token: SecretStr | None = Field(
        None,
        alias="SLACK_BOT_TOKEN",
        description="Token of a Slack bot; begins with xoxb-.",
    )
    slack_channel: str | None = Field(
        None,
        alias="SLACK_CHANNEL",
        description="Channel at Slack in which the bot writes.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        alias="PM33_LOG_LEVEL",
        description="The least important kind of line that is logged.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        alias="PM33_LOG_FORMAT",
        description="How lines are logged; auto is readable in development and one "
        "JSON object a line elsewhere.",
    )
