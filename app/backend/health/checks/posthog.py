"""PostHog: the flags call, with every flag left out.

Ingestion answers 200 whatever the token, and a GET of the flags does so, too; a POST
of the flags answers 401 to a token that it does not know (PostHog/posthog,
``rust/feature-flags/src/api/errors.rs``). With ``disable_flags`` no flag is evaluated
and the call is not billed (the same, ``handler/mod.rs``); it writes no event and no
person.
"""

import json
from collections.abc import Mapping
from typing import Any

from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    judge_answer,
    strange,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["ANSWERS", "PostHog"]

_WHO = "PostHog"
_HOST = "POSTHOG_HOST"
_BILLING = "See billing and its limits in PostHog's settings."

ANSWERS = (
    Row(
        401,
        "",
        Failure.AUTH,
        "it does not know the project's token",
        "Copy it (phc_) from the project's settings; a project in the EU needs"
        " POSTHOG_HOST=https://eu.i.posthog.com.",
    ),
    Row(402, "", Failure.QUOTA, "the billing limit is reached", _BILLING),
    STRANGER,
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the token may not ask for flags",
        "See the project's settings.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no PostHog at this address",
        "Set POSTHOG_HOST to the ingestion's host, as https://us.i.posthog.com.",
        _HOST,
    ),
    *OUTAGES,
)


class PostHog:
    """``POST /flags/?v=2``; it differs by region, and defaults to the US."""

    name = "posthog"
    variables = ("POSTHOG_PROJECT_API_KEY", _HOST)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The token goes into the body."""
        key = secret(config.monitoring.posthog_project_api_key)
        if key is None:
            return None
        usual = config.monitoring.posthog_host or "https://us.i.posthog.com"
        content = {"api_key": key, "distinct_id": "pm33-health", "disable_flags": True}
        return Read(
            method="POST",
            url=f"{base_url(self.name, config, usual)}/flags/?v=2",
            headers={"content-type": "application/json"},
            content=json.dumps(content).encode(),
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`."""
        del config
        return judge_answer(answer, ANSWERS, who=_WHO, found=_of_flags)


def _of_flags(body: Any) -> CheckResult | None:
    if not isinstance(body, Mapping) or not {"flags", "featureFlags"} & body.keys():
        return strange(_WHO)
    if body.get("quotaLimited"):
        return CheckResult.degraded(
            Failure.QUOTA, f"{_WHO}: a quota is used up", remedy=_BILLING
        )
    return None
