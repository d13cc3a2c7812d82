import pytest
from pydantic import SecretStr

from app.backend.api.tokens import Access, TokenCheck
from app.backend.config.environment import read_config

ADMIN, METRICS = "an-admins-token", "a-scrapers-token"


def tokens(environment: str = "production", **variables: str) -> TokenCheck:
    return TokenCheck.of(read_config({"ENVIRONMENT": environment, **variables}))


BOTH = tokens(PM33_ADMIN_TOKEN=ADMIN, PM33_METRICS_TOKEN=METRICS)
NONE = tokens()


@pytest.mark.parametrize(
    ("authorization", "access"),
    [
        (None, Access.NONE),
        (f"Bearer {ADMIN}", Access.ADMIN),
        (f"bearer {ADMIN}", Access.ADMIN),
        (f"BEARER   {ADMIN} ", Access.ADMIN),
        (f"Bearer {METRICS}", Access.METRICS),
        ("", Access.WRONG),
        ("Bearer", Access.WRONG),
        ("Bearer ", Access.WRONG),
        (ADMIN, Access.WRONG),
        (f"Basic {ADMIN}", Access.WRONG),
        (f"Bearer {ADMIN}x", Access.WRONG),
        (f"Bearer {ADMIN[:-1]}", Access.WRONG),
        (f"Bearer {ADMIN.upper()}", Access.WRONG),
        (f"Bearer {ADMIN} {METRICS}", Access.WRONG),
        (f"Bearer {ADMIN}, Bearer {METRICS}", Access.WRONG),
        ("Bearer \u00e9", Access.WRONG),
    ],
)
def test_a_header_is_worth_what_the_table_says(
    authorization: str | None, access: Access
) -> None:
    assert BOTH.access(authorization) is access


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer None", f"Bearer {ADMIN}"]
)
def test_without_configured_tokens_nobody_is_anybody(authorization: str) -> None:
    assert NONE.access(authorization) is Access.WRONG
    assert not NONE.configured


def test_an_empty_token_lets_nobody_in() -> None:
    empty = TokenCheck(SecretStr(""), SecretStr(""), open_to_all=False)

    assert empty.access("Bearer ") is Access.WRONG


def test_one_token_for_both_uses_is_an_admins() -> None:
    same = tokens(PM33_ADMIN_TOKEN=ADMIN, PM33_METRICS_TOKEN=ADMIN)

    assert same.access(f"Bearer {ADMIN}") is Access.ADMIN


@pytest.mark.parametrize(
    "variable", ["PM33_ADMIN_TOKEN", "PM33_METRICS_TOKEN"], ids=["admin", "metrics"]
)
def test_either_token_alone_is_a_configuration(variable: str) -> None:
    assert tokens(**{variable: ADMIN}).configured


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("access", Access)
def test_details_are_an_admins_outside_development(
    environment: str, access: Access
) -> None:
    check = tokens(environment, PM33_ADMIN_TOKEN=ADMIN)

    assert check.sees_details(access) is (access is Access.ADMIN)


@pytest.mark.parametrize("access", Access)
def test_in_development_everybody_sees_details(access: Access) -> None:
    assert tokens("development").sees_details(access)


def test_no_text_of_the_check_shows_a_token() -> None:
    for text in (repr(BOTH), str(BOTH)):
        assert ADMIN not in text
        assert METRICS not in text
