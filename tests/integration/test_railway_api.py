"""Railway's API over real HTTP: what is sent, what is tried again, what never is."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app import __version__
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.quota import RESERVE
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind
from app.errors import (
    ConfigError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
    RateLimitedError,
)
from tests.support.fake_vendors import closed_port
from tests.support.odd_server import End, Step, answer
from tests.support.railway.canned import (
    CannedRailway,
    canned_railway,
    data,
    errors,
    head,
)
from tests.support.simulated_release import PatientClock

TOKEN = "canary-token-of-railway"
DEPLOY: dict[str, Any] = {"serviceId": "s", "environmentId": "e", "commitSha": "c"}
DEPLOYED = data(serviceInstanceDeployV2="d-1")


def credentials(kind: TokenKind = TokenKind.PROJECT) -> Credentials:
    return Credentials(SecretStr(TOKEN), kind, "RAILWAY_TOKEN")


@pytest.fixture
async def railway() -> AsyncIterator[CannedRailway]:
    async with canned_railway() as canned:
        yield canned


@pytest.fixture
def clock() -> PatientClock:
    return PatientClock()


@pytest.fixture
async def api(railway: CannedRailway, clock: PatientClock) -> AsyncIterator[RailwayApi]:
    opened = RailwayApi(credentials(), url=railway.url, timeout=10, clock=clock)
    yield opened
    await opened.close()


async def test_an_operation_is_posted_with_its_name_and_variables(
    railway: CannedRailway, api: RailwayApi
) -> None:
    railway.says("Me", data(me={"id": "u"}))
    railway.says("Deploy", DEPLOYED)

    assert await api.ask("Me") == {"me": {"id": "u"}}
    done = await api.change("Deploy", **DEPLOY)

    assert done == {"serviceInstanceDeployV2": "d-1"}
    asked = railway.asked[1]
    assert (asked.operation, asked.variables) == ("Deploy", DEPLOY)
    assert "mutation Deploy(" in asked.query
    assert asked.path == "/graphql/v2?source=tests"
    assert asked.headers["user-agent"] == f"pm33-ops/{__version__}"
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", TokenKind)
async def test_a_token_goes_in_the_header_of_its_kind_alone(
    kind: TokenKind, railway: CannedRailway
) -> None:
    railway.says("Me", data(me={}))
    api = RailwayApi(credentials(kind), url=railway.url)
    await api.ask("Me")
    await api.close()

    sent = railway.asked[0].headers
    is_project = kind is TokenKind.PROJECT
    assert sent.get("project-access-token") == (TOKEN if is_project else None)
    bearer = None if is_project else f"Bearer {TOKEN}"
    assert sent.get("authorization") == bearer


async def test_a_mutation_is_never_asked_and_a_query_changes_nothing(
    api: RailwayApi, railway: CannedRailway
) -> None:
    with pytest.raises(ValueError, match="mutation"):
        await api.ask("Deploy", **DEPLOY)
    with pytest.raises(ValueError, match="query"):
        await api.change("Me")
    assert railway.asked == []


PASSING: dict[str, bytes | list[Step]] = {
    "a broken connection": [End.RESET],
    "half an answer": [answer(b'{"data": {', length=900), End.RESET],
    "a body cut short": [answer(b'{"data": {', length=900)],
    "nothing": [],
    "a page of the edge": answer(b"<html>", 502, media="text/html"),
    "no data": answer(b'{"data": null}'),
    "problem": errors("Problem processing request"),
    "edge's limit": answer(b"error code: 1015", 429, media="text/plain"),
    "limit": errors("x", 429, "Retry-After: 7"),
    "too quickly": errors("You are doing this too quickly"),
}


@pytest.mark.parametrize("fault", PASSING)
async def test_a_read_is_tried_again_after_what_passes(
    fault: str, railway: CannedRailway, api: RailwayApi, clock: PatientClock
) -> None:
    railway.says("Me", PASSING[fault], PASSING[fault], data(me={"id": "u"}))

    assert await api.ask("Me") == {"me": {"id": "u"}}

    assert railway.operations() == ["Me"] * 3
    assert api.quota.made == 3
    assert 3 <= clock.now <= 20


AMBIGUOUS = (
    "a broken connection",
    "half an answer",
    "a body cut short",
    "nothing",
    "a page of the edge",
    "no data",
    "problem",
)


@pytest.mark.parametrize("fault", PASSING)
async def test_a_change_is_sent_once_whatever_comes_of_it(
    fault: str, railway: CannedRailway, api: RailwayApi
) -> None:
    railway.says("Deploy", PASSING[fault], DEPLOYED)

    with pytest.raises(PlatformUnreachableError) as raised:
        await api.change("Deploy", **DEPLOY)

    assert railway.operations() == ["Deploy"]
    assert isinstance(raised.value, RateLimitedError) == (fault not in AMBIGUOUS)
    words = "was not done" if fault not in AMBIGUOUS else "may have done Deploy"
    assert words in str(raised.value)
    assert TOKEN not in str(raised.value) + raised.value.remedy


async def test_what_passes_too_late_is_given_up_within_the_patience(
    railway: CannedRailway, api: RailwayApi, clock: PatientClock
) -> None:
    railway.says("Me", answer(b"", 503))

    with pytest.raises(PlatformUnreachableError, match="HTTP 503") as raised:
        await api.ask("Me")

    assert raised.value.remedy
    assert clock.now <= 45
    assert len(railway.asked) == 6  # at 0, 1, 3, 7, 15 and 31 s


async def test_a_wait_beyond_the_patience_is_told_at_once(
    railway: CannedRailway, api: RailwayApi, clock: PatientClock
) -> None:
    railway.says("Me", errors("x", 429, "Retry-After: 1800"))

    with pytest.raises(RateLimitedError) as raised:
        await api.ask("Me")

    assert (raised.value.retry_after, clock.now) == (1800, 0)
    assert len(railway.asked) == 1


async def test_a_wait_for_a_limit_is_said(railway: CannedRailway) -> None:
    said: list[str] = []
    railway.says("Me", errors("x", 429, "Retry-After: 4"), data(me={}))
    api = RailwayApi(
        credentials(), url=railway.url, clock=PatientClock(), say=said.append
    )
    await api.ask("Me")
    await api.close()
    await api.close()

    assert "takes no more requests for now" in said[0]
    assert "waiting 4 s" in said[0]
    assert said[1:] == ["2 requests of Railway's API"]


async def test_an_id_that_may_be_none_is_not_asked_about_for_long(
    railway: CannedRailway, api: RailwayApi, clock: PatientClock
) -> None:
    railway.says("Deployment", errors("Problem processing request"))

    with pytest.raises(PlatformError, match="an id or a value it does not know"):
        await api.ask("Deployment", id="x")

    assert (len(railway.asked), clock.now) == (3, 3)


@pytest.mark.parametrize(
    "refusal",
    [
        errors("Not Authorized"),
        errors("Deployment not found"),
        errors("bad field", 400, code="GRAPHQL_VALIDATION_FAILED"),
        answer(b"error code: 1010", 403, media="text/plain"),
        errors("half", data={"me": None, "apiToken": 1}),
    ],
)
async def test_a_refusal_is_not_asked_for_again(
    refusal: bytes, railway: CannedRailway, api: RailwayApi
) -> None:
    railway.says("Me", refusal)
    railway.says("Deploy", refusal)

    with pytest.raises(PlatformError) as read:
        await api.ask("Me")
    with pytest.raises(PlatformError):
        await api.change("Deploy", **DEPLOY)

    assert not isinstance(read.value, PlatformUnreachableError)
    assert railway.operations() == ["Me", "Deploy"]


async def test_a_command_is_done_where_railway_says_so_and_nowhere_else(
    railway: CannedRailway, api: RailwayApi
) -> None:
    true, false, null = (data(deploymentCancel=one) for one in (True, False, None))
    railway.says("Cancel", true, false, null, data())

    await api.command("Cancel", id="d-1")
    with pytest.raises(PlatformError, match="has not done Cancel") as refused:
        await api.command("Cancel", id="d-1")
    assert not isinstance(refused.value, PlatformUnreachableError)
    assert refused.value.remedy
    for _ in range(2):
        with pytest.raises(PlatformUnreachableError, match="does not say") as open_end:
            await api.command("Cancel", id="d-1")
        assert open_end.value.remedy
    assert railway.operations() == ["Cancel"] * 4


async def test_data_beside_errors_are_taken_where_they_are_wanted(
    railway: CannedRailway, api: RailwayApi
) -> None:
    railway.says("Me", errors("half", data={"me": {"id": "u"}}))

    assert await api.ask("Me", partial=True) == {"me": {"id": "u"}}
    with pytest.raises(PlatformError):
        await api.ask("Me")


async def test_an_unanswered_request_ends_by_itself(railway: CannedRailway) -> None:
    railway.says("Deploy", [End.HANG])
    railway.says("Me", [End.HANG])
    api = RailwayApi(credentials(), url=railway.url, timeout=0.2, patience=0.5)

    with pytest.raises(PlatformUnreachableError, match="may have done Deploy"):
        await api.change("Deploy", **DEPLOY)
    with pytest.raises(PlatformUnreachableError, match="within"):
        await api.ask("Me")
    await api.close()

    assert railway.operations() == ["Deploy", "Me"]


async def test_an_answer_without_end_is_not_read_to_its_end(
    railway: CannedRailway, api: RailwayApi
) -> None:
    flood: list[Step] = [answer(b"", length=2**40), End.FLOOD]
    railway.says("Me", flood)

    with pytest.raises(PlatformUnreachableError, match="longer than any"):
        await api.ask("Me")

    assert len(railway.asked) == 1


async def test_a_redirect_is_not_followed_with_the_token(
    railway: CannedRailway, api: RailwayApi
) -> None:
    async with canned_railway() as elsewhere:
        railway.says("Me", answer(b"", 307, f"location: {elsewhere.url}"))
        with pytest.raises(PlatformError, match="HTTP 307"):
            await api.ask("Me")
        assert elsewhere.asked == []


async def test_nobody_who_listens_is_a_platform_that_cannot_be_reached(
    clock: PatientClock,
) -> None:
    url = f"http://127.0.0.1:{closed_port()}/graphql/v2"
    api = RailwayApi(credentials(), url=url, clock=clock)

    with pytest.raises(PlatformUnreachableError, match="refused the connection"):
        await api.ask("Me")
    with pytest.raises(PlatformUnreachableError, match="refused the connection"):
        await api.change("Deploy", **DEPLOY)
    await api.close()


async def test_limits_are_read_from_each_answer(
    railway: CannedRailway, api: RailwayApi, clock: PatientClock
) -> None:
    railway.says(
        "Me",
        data(*head(60, 100, 1800), me={}),
        errors("Not Authorized", 200, *head(59, 100, 1800)),
    )
    await api.ask("Me")
    with pytest.raises(NotAuthorizedError):
        await api.ask("Me")

    quota = api.quota
    assert (quota.made, quota.left, quota.limit) == (2, 59, 100)
    assert quota.pace() == pytest.approx(1800 / (59 - RESERVE), rel=0.01)


async def test_values_that_were_sent_are_in_no_error(
    railway: CannedRailway, api: RailwayApi
) -> None:
    secret = 'canary "quoted"\nvalue'
    quoted = json.dumps(secret)
    railway.says("VariableCollectionUpsert", errors(f"{quoted}, {secret}, {TOKEN}"))
    variables = {"projectId": "p-123456", "variables": {"KEY": secret}}

    with pytest.raises(PlatformError) as refused:
        await api.change("VariableCollectionUpsert", input=variables)

    assert "canary" not in str(refused.value)
    assert "[redacted]" in str(refused.value)


async def test_credentials_are_found_once_at_the_first_request(
    railway: CannedRailway,
) -> None:
    found: list[int] = []

    async def find() -> Credentials:
        found.append(1)
        await asyncio.sleep(0)
        return credentials()

    railway.says("Me", data(me={}))
    api = RailwayApi(find, url=railway.url)
    assert found == []
    await asyncio.gather(api.ask("Me"), api.ask("Me"), api.credentials())
    await api.close()

    assert found == [1]
    assert len(railway.asked) == 2


async def test_certificates_that_cannot_be_read_are_a_matter_of_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, railway: CannedRailway
) -> None:
    path = tmp_path / "none.pem"
    path.write_text("no certificate", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    api = RailwayApi(credentials(), url=railway.url)

    with pytest.raises(ConfigError, match="no HTTPS"):
        await api.ask("Me")
