"""Whoever waits for Railway's API is told at once that it does not answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway import connect
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.environment import told_environment
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind
from app.errors import PlatformUnreachableError
from tests.support.fake_vendors import closed_port
from tests.support.odd_server import End, answer
from tests.support.processes import eventually
from tests.support.railway.canned import CannedRailway, canned_railway, data
from tests.support.simulated_release import PatientClock

TOKEN = Credentials(SecretStr("a-token"), TokenKind.PROJECT, "RAILWAY_TOKEN")


@pytest.fixture
async def railway() -> AsyncIterator[CannedRailway]:
    async with canned_railway() as canned:
        yield canned


async def test_a_fault_that_passes_is_said_once(railway: CannedRailway) -> None:
    said: list[str] = []
    railway.says("Me", answer(b"", 503), data(me={}))
    api = RailwayApi(TOKEN, url=railway.url, clock=PatientClock(), say=said.append)
    await api.ask("Me")
    await api.close(quietly=True)

    (line,) = said
    assert "HTTP 503" in line
    assert "asking again for up to 45 s" in line


@pytest.mark.full
async def test_who_waits_for_an_answer_is_told_so(railway: CannedRailway) -> None:
    said: list[str] = []
    railway.says("Me", [End.HANG])
    api = RailwayApi(TOKEN, url=railway.url, timeout=3.5, patience=3.6, say=said.append)
    with pytest.raises(PlatformUnreachableError):
        await api.ask("Me")
    await api.close(quietly=True)

    assert said == ["Railway's API has not answered for 3 s"]


@pytest.mark.parametrize("finds_out", ["the environment", "the target"])
async def test_that_nobody_answers_the_first_question_is_said(
    finds_out: str, tmp_path: Path
) -> None:
    said: list[str] = []
    url = {"PM33_RAILWAY_API_URL": f"http://127.0.0.1:{closed_port()}/graphql"}
    config = read_config({**url, "RAILWAY_TOKEN": "t"})
    if finds_out == "the environment":
        found = told_environment(
            config, home=tmp_path, folder=tmp_path, say=said.append
        )
        asking: asyncio.Task[object] = asyncio.create_task(found)
    else:
        opened = connect(config, "staging", say=said.append, home=tmp_path)
        asking = asyncio.ensure_future(opened.target())
    await eventually(lambda: bool(said))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    assert "asking again" in said[0]
