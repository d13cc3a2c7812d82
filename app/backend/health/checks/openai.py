"""OpenAI: the list of models, which spends no tokens."""

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

__all__ = ["ANSWERS", "OpenAI"]

_WHO = "OpenAI"
_BILLING = "See billing and limits at platform.openai.com; waiting does not help."

# https://developers.openai.com/docs/guides/error-codes. A 429 is split by
# ``error.code``: the type of all that is about money is ``insufficient_quota``, and
# for years that was the code as well.
ANSWERS = (
    Row(
        401,
        "",
        Failure.AUTH,
        "it refuses the key",
        "Create a key at platform.openai.com and set OPENAI_API_KEY.",
    ),
    Row(402, "", Failure.QUOTA, "it reports a problem with billing", _BILLING),
    STRANGER,
    Row(
        403,
        "unsupported_country_region_territory",
        Failure.PERMISSION,
        "it does not serve the region that this machine is in",
        "Run the service in a region that OpenAI supports.",
    ),
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key is valid, but may not list models",
        "Allow the restricted key to read models, which costs nothing.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no list of models at this address",
        "Correct HEALTH_OPENAI_BASE_URL; it ends before /v1.",
    ),
    Row(429, "insufficient_quota", Failure.QUOTA, "the quota is used up", _BILLING),
    Row(429, "credit_balance_exhausted", Failure.QUOTA, "no credit is left", _BILLING),
    Row(
        429,
        "organization_spend_limit_exceeded",
        Failure.QUOTA,
        "the organisation has reached its own spending limit",
        _BILLING,
    ),
    Row(
        429,
        "project_spend_limit_exceeded",
        Failure.QUOTA,
        "the project has reached its own spending limit",
        _BILLING,
    ),
    Row(
        429,
        "organization_usage_limit_exceeded",
        Failure.QUOTA,
        "the organisation has reached the limit that OpenAI set",
        _BILLING,
    ),
    Row(
        429,
        "billing_hard_limit_reached",
        Failure.QUOTA,
        "the hard limit of billing is reached",
        _BILLING,
    ),
    *OUTAGES,
)


class OpenAI:
    """``GET /v1/models``; it cannot be asked for fewer."""

    name = "openai"
    variables = ("OPENAI_API_KEY",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """An account with many fine-tuned models has a long list."""
        key = secret(config.ai.openai_api_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.openai.com")
        return Read(
            url=f"{base.removesuffix('/v1')}/v1/models",
            headers={"authorization": f"Bearer {key}"},
            most=1_048_576,
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`; the type stands in where there is no code."""
        del config
        code = error_word(answer.body, "code", "type")
        return judge_answer(
            answer,
            ANSWERS,
            who=_WHO,
            code=code,
            found=lambda body: wants_list(_WHO, body),
        )
