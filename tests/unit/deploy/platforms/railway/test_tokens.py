"""Which token is meant, and of what kind it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway.cli_config import CliConfig
from app.backend.deploy.platforms.railway.tokens import (
    CLI,
    Credentials,
    Given,
    Scope,
    TokenKind,
    detect,
    given_token,
)
from app.errors import (
    ConfigError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
)

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LOGIN = CliConfig(token=SecretStr("canary-login"))


def given(cli: CliConfig | None = None, /, **variables: str) -> Given:
    return given_token(read_config(variables), cli or LOGIN, NOW)


def test_the_projects_token_comes_first_then_the_accounts_then_the_login() -> None:
    both = given(RAILWAY_TOKEN="a", RAILWAY_API_TOKEN="b")

    assert both == Given(SecretStr("a"), "RAILWAY_TOKEN")
    assert given(RAILWAY_API_TOKEN="b") == Given(SecretStr("b"), "RAILWAY_API_TOKEN")
    assert given() == Given(SecretStr("canary-login"), CLI)


@pytest.mark.parametrize("variable", ["RAILWAY_TOKEN", "RAILWAY_API_TOKEN"])
def test_a_token_may_stand_in_a_file(variable: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("in-a-file\n", encoding="utf-8")

    config = read_config({f"{variable}_FILE": str(path)})
    found = given_token(config, LOGIN, NOW)

    assert found == Given(SecretStr("in-a-file"), variable)


def test_no_token_at_all_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="no token") as refused:
        given(CliConfig())

    assert "railway login" in refused.value.remedy


def test_an_expired_login_is_for_the_cli_to_renew() -> None:
    def login(seconds: float) -> CliConfig:
        ends = NOW + timedelta(seconds=seconds)
        return CliConfig(token=SecretStr("canary"), expires_at=ends)

    assert given(login(1)).source == CLI
    with pytest.raises(NotAuthorizedError, match="expired") as refused:
        given(login(0))
    assert "run `railway whoami`" in refused.value.remedy
    # A variable does not ask about the login.
    assert given(login(0), RAILWAY_TOKEN="a").source == "RAILWAY_TOKEN"


@pytest.mark.parametrize("token", ["canary one", "canary\u00e4", "canary\r\nX: y"])
def test_what_no_header_can_hold_is_refused_unquoted(token: str) -> None:
    with pytest.raises(ConfigError, match="RAILWAY_TOKEN is no token") as refused:
        given(RAILWAY_TOKEN=token)

    assert "canary" not in str(refused.value)


PROJECT = {
    "projectToken": {
        "projectId": "p",
        "environmentId": "e",
        "project": {"id": "p", "name": "shop"},
        "environment": {"id": "e", "name": "production"},
    }
}
ANSWERS: Mapping[TokenKind, Mapping[str, Mapping[str, Any]]] = {
    TokenKind.PROJECT: {"ProjectToken": PROJECT},
    TokenKind.WORKSPACE: {"ApiToken": {"apiToken": {"workspaces": []}}},
    TokenKind.ACCOUNT: {
        "ApiToken": {"apiToken": {"workspaces": []}},
        "Me": {"me": {"id": "u"}},
    },
}


class Asking:
    """Railway, to which a token of one kind is shown."""

    def __init__(self, kind: TokenKind | None) -> None:
        self.kind = kind
        self.asked: list[str] = []

    async def __call__(self, own: Credentials, name: str) -> Mapping[str, Any]:
        self.asked.append(name)
        if self.kind is None:
            raise NotAuthorizedError("no")
        right = (own.kind is TokenKind.PROJECT) == (self.kind is TokenKind.PROJECT)
        if not right or name not in ANSWERS[self.kind]:
            raise NotAuthorizedError("no")
        return ANSWERS[self.kind][name]


@pytest.mark.parametrize("source", ["RAILWAY_TOKEN", "RAILWAY_API_TOKEN"])
@pytest.mark.parametrize("kind", TokenKind)
async def test_the_kind_is_found_whatever_the_variable_is_called(
    kind: TokenKind, source: str
) -> None:
    found = await detect(Given(SecretStr("t"), source), Asking(kind))

    assert (found.kind, found.source) == (kind, source)
    scope = Scope("p", "e", "shop", "production")
    assert found.scope == (scope if kind is TokenKind.PROJECT else None)


@pytest.mark.parametrize(
    ("source", "likely"),
    [("RAILWAY_TOKEN", TokenKind.PROJECT), ("RAILWAY_API_TOKEN", TokenKind.ACCOUNT)],
)
async def test_the_likeliest_kind_takes_one_request(
    source: str, likely: TokenKind
) -> None:
    asking = Asking(likely)
    await detect(Given(SecretStr("t"), source), asking)

    assert len(asking.asked) == 1


async def test_a_token_of_no_kind_is_said_to_be_none() -> None:
    asking = Asking(None)
    with pytest.raises(NotAuthorizedError, match="neither") as refused:
        await detect(Given(SecretStr("canary"), "RAILWAY_TOKEN"), asking)

    assert asking.asked == ["ProjectToken", "Me", "ApiToken"]
    assert "canary" not in str(refused.value)


async def test_another_refusal_than_of_the_token_leaves_other_kinds_to_try() -> None:
    kinds: list[TokenKind] = []

    async def asking(own: Credentials, _: str) -> Mapping[str, Any]:
        kinds.append(own.kind)
        if own.kind is TokenKind.PROJECT:
            raise PlatformError("Problem processing request")
        if accepted:
            return {"me": {}}
        raise NotAuthorizedError("no")

    accepted = True
    given = Given(SecretStr("t"), "RAILWAY_TOKEN")
    assert (await detect(given, asking)).kind is TokenKind.ACCOUNT
    accepted = False
    with pytest.raises(PlatformError, match="Problem processing"):
        await detect(given, asking)
    assert kinds[2:] == [TokenKind.PROJECT, TokenKind.ACCOUNT, TokenKind.WORKSPACE]


async def test_a_login_is_an_accounts_and_not_asked_about() -> None:
    asking = Asking(None)

    found = await detect(Given(SecretStr("t"), CLI), asking)

    assert (found.kind, asking.asked) == (TokenKind.ACCOUNT, [])


async def test_a_railway_that_cannot_be_asked_has_refused_nothing() -> None:
    async def asking(_: Credentials, __: str) -> Mapping[str, Any]:
        raise PlatformUnreachableError("silence")

    with pytest.raises(PlatformUnreachableError):
        await detect(Given(SecretStr("t"), "RAILWAY_TOKEN"), asking)


def test_each_kind_goes_in_its_own_header_and_is_never_shown() -> None:
    def own(kind: TokenKind) -> Credentials:
        return Credentials(SecretStr("canary"), kind, "RAILWAY_TOKEN")

    assert own(TokenKind.PROJECT).header() == {"project-access-token": "canary"}
    for kind in (TokenKind.ACCOUNT, TokenKind.WORKSPACE):
        assert own(kind).header() == {"authorization": "Bearer canary"}
    assert "canary" not in repr(own(TokenKind.ACCOUNT)) + own(TokenKind.ACCOUNT).words
