"""``railway:ENV`` as a source of variables, asked as the command does."""

import asyncio
from pathlib import Path

import pytest

from app.cli.env.sources import load_source
from app.errors import NotAuthorizedError
from tests.support.railway_platform import AtRailway, at_railway

SECRET = "s3cr3t-of-today"


def told(railway: AtRailway, patch: pytest.MonkeyPatch) -> None:
    simulator = railway.simulator
    for name, value in {
        "PM33_RAILWAY_API_URL": simulator.api_url,
        "PM33_RAILWAY_PROJECT": simulator.project.name,
        "PM33_RAILWAY_ENVIRONMENT": simulator.environment.name,
        "PM33_RAILWAY_SERVICE": simulator.service.name,
        "RAILWAY_TOKEN": simulator.token("project"),
    }.items():
        patch.setenv(name, value)


async def test_variables_come_by_the_api_and_sealed_ones_without_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with at_railway(folder=tmp_path) as railway:
        told(railway, monkeypatch)
        railway.simulator.gives(PLAIN="one")
        railway.simulator.gives(SEALED=SECRET, sealed=True)
        found = await asyncio.to_thread(load_source, "railway:production")
        assert found.values["PLAIN"] == "one"
        assert found.sealed == {"SEALED"}
        assert SECRET not in repr(found)
        assert railway.simulator.changes() == []


@pytest.mark.full
async def test_a_token_of_nobody_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with at_railway(folder=tmp_path) as railway:
        told(railway, monkeypatch)
        monkeypatch.setenv("RAILWAY_TOKEN", "00000000-0000-4000-8000-000000000000")
        with pytest.raises(NotAuthorizedError) as raised:
            await asyncio.to_thread(load_source, "railway:production")
        assert raised.value.remedy
