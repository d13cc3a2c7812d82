"""Together AI: the list of models, which spends nothing."""

from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    judge_answer,
    wants_list,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["ANSWERS", "Together"]

_WHO = "Together"

# https://docs.together.ai/docs/error-codes
ANSWERS = (
    Row(
        401,
        "",
        Failure.AUTH,
        "it refuses the key",
        "Create a key at api.together.ai and set TOGETHER_API_KEY.",
    ),
    Row(
        402,
        "",
        Failure.QUOTA,
        "the spending limit is reached",
        "Raise the limit or add credit at api.together.ai; waiting does not help.",
    ),
    STRANGER,
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key may not list models",
        "See what the key's project may do.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no list of models at this address",
        "Correct HEALTH_TOGETHER_BASE_URL; it ends before /v1.",
    ),
    *OUTAGES,
)


class Together:
    """``GET /v1/models?dedicated=true``.

    The filter only makes the answer shorter: the whole catalogue has hundreds of
    entries (https://docs.together.ai/reference/models). No project need be named,
    as the vendor's own SDK wants.
    """

    name = "together"
    variables = ("TOGETHER_API_KEY",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The key goes as Bearer."""
        key = secret(config.ai.together_api_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.together.ai")
        return Read(
            url=f"{base.removesuffix('/v1')}/v1/models?dedicated=true",
            headers={"authorization": f"Bearer {key}"},
            most=1_048_576,
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`; the list comes bare, or in an object as OpenAI's."""
        del config
        return judge_answer(
            answer, ANSWERS, who=_WHO, found=lambda body: wants_list(_WHO, body)
        )
