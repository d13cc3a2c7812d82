"""Anthropic: the list of models, one long, which spends no tokens."""

from collections.abc import Mapping
from typing import Any

from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    error_word,
    judge_answer,
    wants_list,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["ANSWERS", "Anthropic"]

_WHO = "Anthropic"

# https://docs.anthropic.com/en/api/errors. Exhausted credit is told to calls for
# messages alone (400 and a sentence), so that this read cannot see it; the calls of the
# application do. The words for that are ours, the sentences those of 2025 and 2026
# (anthropics/claude-code#66314, #38035).
_NO_CREDIT = "no_credit"
_LIMIT_REACHED = "usage_limit_reached"
_SENTENCES = {
    "credit balance is too low": _NO_CREDIT,
    "reached your specified api usage limits": _LIMIT_REACHED,
}
ANSWERS = (
    Row(
        400,
        _NO_CREDIT,
        Failure.QUOTA,
        "no credit is left",
        "Buy credit at console.anthropic.com; waiting does not help.",
    ),
    Row(
        400,
        _LIMIT_REACHED,
        Failure.QUOTA,
        "the usage limit that the organisation has set is reached",
        "Raise it at console.anthropic.com, or wait for the first day of the month.",
    ),
    Row(
        401,
        "",
        Failure.AUTH,
        "it refuses the key",
        "Create a key at console.anthropic.com and set ANTHROPIC_API_KEY.",
    ),
    Row(
        402,
        "",
        Failure.QUOTA,
        "it reports a problem with billing",
        "See the billing page of console.anthropic.com.",
    ),
    STRANGER,
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key may not list models",
        "See the key's workspace, and the regions where it may be used.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no list of models at this address",
        "Correct HEALTH_ANTHROPIC_BASE_URL; it ends before /v1.",
    ),
    Row(
        429,
        "enforced_spend_limit_reached",
        Failure.QUOTA,
        "the organisation has reached its tier's spending limit",
        "Ask for a higher tier, or wait for the first day of the next month (UTC).",
    ),
    *OUTAGES,
)


class Anthropic:
    """``GET /v1/models?limit=1``."""

    name = "anthropic"
    variables = ("ANTHROPIC_API_KEY",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The key goes into ``x-api-key``."""
        key = secret(config.ai.anthropic_api_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.anthropic.com")
        return Read(
            url=f"{base.removesuffix('/v1')}/v1/models?limit=1",
            headers={"x-api-key": key, "anthropic-version": "2023-06-01"},
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`."""
        del config
        return judge_answer(
            answer,
            ANSWERS,
            who=_WHO,
            code=_code(answer.body),
            found=lambda body: wants_list(_WHO, body),
        )


def _code(body: Any) -> str:
    error = body.get("error") if isinstance(body, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    code = details.get("error_code") if isinstance(details, Mapping) else None
    if isinstance(code, str):
        return code
    sentence = error_word(body, "message").lower()
    return next((word for part, word in _SENTENCES.items() if part in sentence), "")
