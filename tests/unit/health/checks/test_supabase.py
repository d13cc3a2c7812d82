from typing import Any

import pytest

from app.backend.health.checks.supabase import SupabaseAnon, SupabaseService
from app.backend.health.models import Failure
from tests.support.judging import answered, config_of

URL = "https://ref.supabase.co"
JWT = "eyJh" + ".canary.sig"
BAD_KEY = {"message": "Invalid API key", "hint": "Double check."}


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, {"version": "v2", "name": "GoTrue"}, None),
        (200, {"name": "else"}, Failure.INTERNAL),
        (401, BAD_KEY, Failure.AUTH),
        (402, {"message": "exceed_egress_quota"}, Failure.QUOTA),
        (403, {}, Failure.PERMISSION),
        (404, {}, Failure.CONFIG),
        (429, {}, Failure.RATE_LIMIT),
        (500, {}, Failure.INTERNAL),
        (503, {}, Failure.OVERLOADED),
        (540, {}, Failure.CONFIG),
        (544, {}, Failure.OVERLOADED),
    ],
)
def test_each_answer_to_the_anon_key_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = SupabaseAnon().judge(answered(status, body), config_of())
    assert result.failure is failure


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (404, {"code": 404, "error_code": "user_not_found", "msg": "x"}, None),
        (404, {"code": "user_not_found", "message": "x"}, None),
        (404, {"code": 404, "msg": "User not found"}, None),
        (200, {"id": "0"}, None),
        (200, {}, Failure.INTERNAL),
        (401, BAD_KEY, Failure.AUTH),
        (401, {"error_code": "no_authorization"}, Failure.AUTH),
        (402, {}, Failure.QUOTA),
        (403, {"code": 403, "error_code": "not_admin"}, Failure.PERMISSION),
        (403, {"code": 403, "error_code": "bad_jwt"}, Failure.AUTH),
        (404, {"message": "no Route matched"}, Failure.CONFIG),
        (429, {}, Failure.RATE_LIMIT),
        (503, {}, Failure.OVERLOADED),
        (540, {}, Failure.CONFIG),
    ],
)
def test_each_answer_to_the_service_roles_key_has_its_class(
    status: int, body: Any, failure: Failure | None
) -> None:
    result = SupabaseService().judge(answered(status, body), config_of())
    assert result.failure is failure


@pytest.mark.parametrize("status", [404, 540])
def test_a_wrong_project_is_not_blamed_on_the_key(status: int) -> None:
    for vendor in (SupabaseAnon(), SupabaseService()):
        result = vendor.judge(answered(status), config_of())
        assert result.data["variable"] == "SUPABASE_URL"


@pytest.mark.parametrize("key", ["sb_publishable_canary", JWT])
def test_the_anon_key_goes_into_apikey_alone(key: str) -> None:
    read = SupabaseAnon().read(config_of(SUPABASE_URL=URL, SUPABASE_ANON_KEY=key))
    assert read is not None
    assert read.url == f"{URL}/auth/v1/health"
    assert read.headers == {"apikey": key}


def test_a_legacy_service_key_goes_as_bearer_too() -> None:
    config = config_of(SUPABASE_URL=f"{URL}/", SUPABASE_SERVICE_ROLE_KEY=JWT)
    read = SupabaseService().read(config)
    assert read is not None
    assert read.headers == {"apikey": JWT, "authorization": f"Bearer {JWT}"}
    assert read.url.startswith(f"{URL}/auth/v1/admin/users/00000000-")


def test_a_newer_key_never_goes_as_bearer() -> None:
    key = "sb_secret_canary"
    config = config_of(SUPABASE_URL=URL, SUPABASE_SERVICE_ROLE_KEY=key)
    read = SupabaseService().read(config)
    assert read is not None
    assert read.headers == {"apikey": key}


def test_without_an_address_nobody_is_asked() -> None:
    config = config_of(SUPABASE_ANON_KEY="a", SUPABASE_SERVICE_ROLE_KEY="b")
    assert SupabaseAnon().read(config) is None
    assert SupabaseService().read(config) is None
