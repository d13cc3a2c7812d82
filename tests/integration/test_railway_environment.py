"""Which environment Railway's token or link tells, where nobody has named one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway.environment import told_environment
from app.cli.delivery import Delivery
from app.errors import ConfigError, NotAuthorizedError, TargetError
from tests.support.captured_logs import captured_logs
from tests.support.railway.canned import CannedRailway, canned_railway, data, errors
from tests.support.railway.canned_login import PROJECT, log_in, project_token

REFUSED = errors("Not Authorized")


@pytest.fixture
async def railway() -> AsyncIterator[CannedRailway]:
    async with canned_railway() as canned:
        canned.says("ProjectToken", project_token())
        yield canned


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize(
    ("variables", "link", "expected"),
    [
        ({"RAILWAY_TOKEN": "t"}, "staging", ("production", "RAILWAY_TOKEN")),
        ({}, "Staging", ("staging", "`railway link`")),
        ({}, "pr-17", None),
        ({"RAILWAY_API_TOKEN": "t"}, "staging", ("staging", "`railway link`")),
        ({"RAILWAY_TOKEN": "t", "PM33_PLATFORM": "local"}, "staging", None),
    ],
)
async def test_the_token_or_the_link_tells_the_environment(
    variables: dict[str, str],
    link: str,
    expected: tuple[str, str] | None,
    railway: CannedRailway,
    tmp_path: Path,
) -> None:
    log_in(tmp_path, project=PROJECT, environment="x", environmentName=link)
    config = read_config({"PM33_RAILWAY_API_URL": railway.url, **variables})

    found = await told_environment(config, home=tmp_path, folder=tmp_path)

    assert found == expected


async def test_an_account_token_in_the_project_s_variable_leaves_it_to_the_link(
    railway: CannedRailway, tmp_path: Path
) -> None:
    log_in(tmp_path, project=PROJECT, environment="x", environmentName="staging")
    railway.says("ProjectToken", REFUSED)
    railway.says("Me", data(me={"name": "A", "email": "a@example.com"}))
    url = {"PM33_RAILWAY_API_URL": railway.url}
    config = read_config({**url, "RAILWAY_TOKEN": "t"})

    found = await told_environment(config, home=tmp_path, folder=tmp_path)

    assert found == ("staging", "`railway link`")


@pytest.mark.parametrize(
    ("token", "refusal", "words"),
    [
        ("t", NotAuthorizedError, "RAILWAY_TOKEN neither"),
        ("a b", ConfigError, "RAILWAY_TOKEN is no token"),
    ],
)
async def test_a_token_that_cannot_tell_is_no_reason_to_guess(
    token: str,
    refusal: type[Exception],
    words: str,
    railway: CannedRailway,
    tmp_path: Path,
    said: list[str],
) -> None:
    log_in(tmp_path, project=PROJECT, environment="x", environmentName="staging")
    for operation in ("ProjectToken", "Me", "ApiToken"):
        railway.says(operation, REFUSED)
    url = {"PM33_RAILWAY_API_URL": railway.url}
    config = read_config({**url, "RAILWAY_TOKEN": token})

    with pytest.raises(refusal, match=words):
        await told_environment(config, home=tmp_path, folder=tmp_path, say=said.append)

    assert said == [
        "RAILWAY_TOKEN does not tell which environment is meant; --environment does"
    ]


async def test_a_token_of_an_environment_with_another_name_says_what_to_set(
    railway: CannedRailway, tmp_path: Path
) -> None:
    log_in(tmp_path, project=PROJECT, environment="x", environmentName="staging")
    railway.says("ProjectToken", project_token("prod"))
    url = {"PM33_RAILWAY_API_URL": railway.url}
    config = read_config({**url, "RAILWAY_TOKEN": "t"})

    with pytest.raises(TargetError, match="environment prod at Railway") as refused:
        await told_environment(config, home=tmp_path, folder=tmp_path)

    assert "--environment" in str(refused.value.remedy)
    assert "PM33_RAILWAY_ENVIRONMENT=prod" in str(refused.value.remedy)


async def test_a_command_says_first_that_the_token_told_the_environment(
    railway: CannedRailway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    railway.says("ProjectToken", project_token("staging"))
    for name, value in {
        "PM33_RAILWAY_API_URL": railway.url,
        "RAILWAY_TOKEN": "t",
        "PM33_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    monkeypatch.delenv("PM33_PLATFORM", raising=False)

    with captured_logs({}):
        delivery = await asyncio.to_thread(Delivery.into, None)

    assert delivery.environment == "staging"
    assert capsys.readouterr().err == "environment staging (from RAILWAY_TOKEN)\n"
