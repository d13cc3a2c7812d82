"""Leave to change something, looked at just before a request of Railway's API."""

from typing import Any

import pytest
from pydantic import SecretStr

from app.backend.deploy.platforms.leave import under
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind
from app.errors import LeaseLostError, PlatformUnreachableError
from tests.support.odd_server import End
from tests.support.railway.canned import canned_railway, data

DEPLOY: dict[str, Any] = {"serviceId": "s", "environmentId": "e", "commitSha": "c"}
TOKEN = Credentials(SecretStr("a-token"), TokenKind.PROJECT, "RAILWAY_TOKEN")


async def test_leave_that_ends_meanwhile_sends_no_change() -> None:
    async def ended() -> float:
        raise LeaseLostError("somebody else has it")

    async with canned_railway() as railway:
        railway.says("Me", data(me={"id": "u"}))
        api = RailwayApi(TOKEN, url=railway.url)
        with under(ended):
            await api.ask("Me")
            with pytest.raises(LeaseLostError):
                await api.change("Deploy", **DEPLOY)
        await api.close()
    assert [one.operation for one in railway.asked] == ["Me"]


async def test_a_change_takes_no_longer_than_the_leave_to_make_it() -> None:
    async def short() -> float:
        return 0.1

    async with canned_railway() as railway:
        railway.says("Deploy", [End.HANG])
        api = RailwayApi(TOKEN, url=railway.url, timeout=60)
        with under(short), pytest.raises(PlatformUnreachableError, match=r"0\.1 s"):
            await api.change("Deploy", **DEPLOY)
        await api.close()
