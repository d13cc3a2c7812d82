"""Supabase: one read for each key, both of the Auth service.

The key goes into ``apikey``. A legacy key is a JWT, and the service role's goes as
Bearer as well, from which Auth reads the role. The newer ``sb_`` keys are no JWT and
must not go as Bearer: the gateway puts the role's JWT in their place
(https://supabase.com/docs/guides/api/api-keys, "Known limitations").
"""

from collections.abc import Mapping
from typing import Any, Final

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

__all__ = ["ANSWERS", "SERVICE_ANSWERS", "SupabaseAnon", "SupabaseService"]

_WHO = "Supabase"
_KEYS = "Take the key of this project from its settings, API Keys."
_USAGE = "See the organisation's usage and billing at supabase.com/dashboard."
_URL = "SUPABASE_URL"

# The platform's own: https://supabase.com/docs/guides/platform/http-status-codes
_PLATFORM = (
    Row(402, "", Failure.QUOTA, "the project is restricted over its usage", _USAGE),
    Row(
        540,
        "",
        Failure.CONFIG,
        "the project is paused",
        "Restore it at supabase.com/dashboard; free projects pause when nobody asks.",
        _URL,
    ),
    Row(
        544,
        "",
        Failure.OVERLOADED,
        "the project's gateway got no answer in time",
        "See the project's load at supabase.com/dashboard.",
        _URL,
    ),
    *OUTAGES,
)

ANSWERS = (
    Row(401, "", Failure.AUTH, "it refuses the key", _KEYS),
    STRANGER,
    Row(403, "", Failure.PERMISSION, "the key may not ask the Auth service", _KEYS),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no Supabase project at this address",
        "Correct SUPABASE_URL: https://<project>.supabase.co.",
        _URL,
    ),
    *_PLATFORM,
)
"""What the key of the browser's side is answered."""

SERVICE_ANSWERS = (
    Row(401, "", Failure.AUTH, "it refuses the key", _KEYS),
    STRANGER,
    Row(
        403,
        "not_admin",
        Failure.PERMISSION,
        "this is no service role's key",
        "SUPABASE_SERVICE_ROLE_KEY wants the service_role or an sb_secret_ key.",
    ),
    Row(403, "bad_jwt", Failure.AUTH, "it refuses the key", _KEYS),
    Row(403, "", Failure.PERMISSION, "the key may not read users", _KEYS),
    # Nobody has the asked-for id, and only a service role is told so.
    Row(404, "user_not_found", None, "the key is a service role's"),
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no Supabase project at this address",
        "Correct SUPABASE_URL: https://<project>.supabase.co.",
        _URL,
    ),
    *_PLATFORM,
)
"""What the service role's key is answered: supabase/auth, ``internal/api/admin.go``."""

_NOBODY: Final = "00000000-0000-0000-0000-000000000000"


class SupabaseAnon:
    """``GET /auth/v1/health``, which the gateway answers to a known key alone."""

    name = "supabase"
    variables = ("SUPABASE_ANON_KEY", "SUPABASE_URL")
    proves = True

    def read(self, config: Config) -> Read | None:
        """Without a Bearer: a legacy key proves itself by ``apikey``, too."""
        key, base = secret(config.services.supabase_anon_key), _base(config)
        if key is None or not base:
            return None
        return Read(url=f"{base}/auth/v1/health", headers={"apikey": key})

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`."""
        del config
        return judge_answer(answer, ANSWERS, who=_WHO, found=_of_health)


class SupabaseService:
    """``GET /auth/v1/admin/users/{an id that nobody has}``.

    A list of users would prove the same and read people's data with it.
    """

    name = "supabase"
    variables = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_URL")
    proves = True

    def read(self, config: Config) -> Read | None:
        """A legacy key goes as Bearer as well."""
        key, base = secret(config.services.supabase_service_role_key), _base(config)
        if key is None or not base:
            return None
        headers = {"apikey": key}
        if not key.startswith("sb_"):
            headers["authorization"] = f"Bearer {key}"
        return Read(url=f"{base}/auth/v1/admin/users/{_NOBODY}", headers=headers)

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`SERVICE_ANSWERS`; a user of that id proves the key as well."""
        del config
        return judge_answer(
            answer, SERVICE_ANSWERS, who=_WHO, code=_code(answer.body), found=_of_user
        )


def _base(config: Config) -> str:
    return base_url("supabase", config, config.services.supabase_url or "")


def _of_health(body: Any) -> CheckResult | None:
    known = isinstance(body, Mapping) and isinstance(body.get("version"), str)
    return None if known else strange(_WHO)


def _of_user(body: Any) -> CheckResult | None:
    known = isinstance(body, Mapping) and "id" in body
    return None if known else strange(_WHO)


def _code(body: Any) -> str:
    """``error_code``, which newer API versions call ``code``; before, a sentence."""
    if not isinstance(body, Mapping):
        return ""
    for word in (body.get("error_code"), body.get("code")):
        if isinstance(word, str):
            return word
    return "user_not_found" if body.get("msg") == "User not found" else ""
