from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.railway_platform import AtRailway, at_railway


@pytest_asyncio.fixture
async def railway(tmp_path: Path) -> AsyncIterator[AtRailway]:
    async with at_railway(folder=tmp_path) as place:
        yield place
