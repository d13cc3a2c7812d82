"""Resend: the list of domains; no e-mail is ever sent."""

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

__all__ = ["ANSWERS", "Resend"]

_WHO = "Resend"
_KEYS = "Create a key at resend.com/api-keys and set RESEND_API_KEY."
_PLAN = "Wait for the next period, or raise the plan at resend.com."

# By ``name``: https://resend.com/docs/api-reference/errors. Here 401 may be a good key
# and 403 the bad one: keys that may only send are refused everything else.
ANSWERS = (
    Row(401, "restricted_api_key", None, "the key is valid, and may only send"),
    Row(401, "", Failure.AUTH, "it refuses the key", _KEYS),
    Row(
        402,
        "",
        Failure.QUOTA,
        "it reports a problem with billing",
        "See the billing page of resend.com.",
    ),
    STRANGER,
    Row(403, "invalid_api_key", Failure.AUTH, "it refuses the key", _KEYS),
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key may not list domains",
        "Give the key full access, or let it only send.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no list of domains at this address",
        "Correct HEALTH_RESEND_BASE_URL.",
    ),
    Row(429, "daily_quota_exceeded", Failure.QUOTA, "the day's quota is used", _PLAN),
    Row(
        429, "monthly_quota_exceeded", Failure.QUOTA, "the month's quota is used", _PLAN
    ),
    *OUTAGES,
)


class Resend:
    """``GET /domains``; healthy where none is set up, as the application may not send.

    Domains are degraded when there are some and none of them is verified: every
    e-mail would be refused.
    """

    name = "resend"
    variables = ("RESEND_API_KEY",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The key goes as Bearer."""
        key = secret(config.services.resend_api_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.resend.com")
        return Read(url=f"{base}/domains", headers={"authorization": f"Bearer {key}"})

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`, then by the domains."""
        del config
        body = answer.body
        name = body.get("name") if isinstance(body, Mapping) else None
        code = name if isinstance(name, str) else ""
        return judge_answer(answer, ANSWERS, who=_WHO, code=code, found=_of_domains)


def _of_domains(body: Any) -> CheckResult:
    domains = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(domains, list):
        return strange(_WHO)
    states = [one.get("status") for one in domains if isinstance(one, Mapping)]
    verified = states.count("verified") + states.count("partially_verified")
    facts = {"domains": len(states), "verified": verified}
    if states and not verified:
        return CheckResult.degraded(
            Failure.CONFIG,
            f"{_WHO}: no sending domain is verified",
            remedy="Publish the DNS records that resend.com/domains shows.",
            **facts,
        )
    return CheckResult.healthy(**facts)
