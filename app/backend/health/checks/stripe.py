"""Stripe: the balance, whose ``livemode`` says which money the key moves."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    error_word,
    judge_answer,
    strange,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["ANSWERS", "Stripe"]

_WHO = "Stripe"
_KEYS = "Take the secret key from dashboard.stripe.com/apikeys for STRIPE_SECRET_KEY."

# https://docs.stripe.com/api/errors and /error-codes. A restricted key (rk_) that may
# not read the balance is answered with 403: it is known, and so it is valid. The word
# for that is ours.
_RESTRICTED = "restricted"
ANSWERS = (
    Row(401, "api_key_expired", Failure.AUTH, "the key has expired", _KEYS),
    Row(
        range(400, 404),
        "secret_key_required",
        Failure.CONFIG,
        "this is a publishable key, not a secret one",
        _KEYS,
    ),
    Row(
        range(400, 404),
        "testmode_charges_only",
        Failure.PERMISSION,
        "the account is not activated for live payments",
        "Activate the account at dashboard.stripe.com.",
    ),
    Row(
        range(400, 404),
        "platform_api_key_expired",
        Failure.AUTH,
        "the platform's key has expired",
        _KEYS,
    ),
    Row(401, "", Failure.AUTH, "it refuses the key", _KEYS),
    Row(
        402,
        "",
        Failure.QUOTA,
        "it reports a failed payment",
        "See the account at dashboard.stripe.com.",
    ),
    STRANGER,
    Row(
        403,
        _RESTRICTED,
        None,
        "the key is valid, and restricted: it may not read the balance",
    ),
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key may not read the balance",
        "See the account at dashboard.stripe.com.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no balance at this address",
        "Correct HEALTH_STRIPE_BASE_URL; it ends before /v1.",
    ),
    *OUTAGES,
)


class Stripe:
    """``GET /v1/balance``; nothing is charged, and no customer is looked at."""

    name = "stripe"
    variables = ("STRIPE_SECRET_KEY",)
    proves = True

    def read(self, config: Config) -> Read | None:
        """The key goes as Bearer; the account's own API version answers."""
        key = secret(config.services.stripe_secret_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.stripe.com")
        return Read(
            url=f"{base.removesuffix('/v1')}/v1/balance",
            headers={"authorization": f"Bearer {key}"},
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`, then by the mode that the environment wants.

        Where a restricted key hides the balance, its prefix tells the mode.
        """

        def of_balance(body: Any) -> CheckResult:
            live = body.get("livemode") if isinstance(body, Mapping) else None
            if not isinstance(live, bool):
                return strange(_WHO)
            return _of_mode(config, live=live)

        code = error_word(answer.body, "code", "type")
        key = secret(config.services.stripe_secret_key) or ""
        if answer.status == HTTPStatus.FORBIDDEN and key.startswith("rk_"):
            code = _RESTRICTED
        result = judge_answer(answer, ANSWERS, who=_WHO, code=code, found=of_balance)
        if result.data.get("code") != _RESTRICTED:
            return result
        mode = _of_mode(config, live=key.startswith("rk_live_"))
        return result if mode.failure is None else mode


def _of_mode(config: Config, *, live: bool) -> CheckResult:
    """A staging service was once bound to the live key (elizaOS/eliza#13779)."""
    if live is config.is_production:
        return CheckResult.healthy(livemode=live)
    says = "live key, which moves real money" if live else "test key, which earns none"
    wanted = "test" if live else "live"
    return CheckResult.degraded(
        Failure.WRONG_MODE,
        f"{_WHO}: {config.environment.value} has a {says}",
        remedy=f"Set STRIPE_SECRET_KEY to one that begins with sk_{wanted}_"
        f" or rk_{wanted}_.",
        livemode=live,
    )
