"""The platforms that a contract is played on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.way_back import SCENES, Scene


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SCENES)
async def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One platform for many cells, each of which brings its own database."""
    folder = tmp_path_factory.mktemp("scene")
    async with SCENES[request.param](folder) as running:
        yield running
