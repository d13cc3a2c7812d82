"""The platforms that a contract is played on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.way_back import SCENES, Scene

# Each cell takes three starts of the service, which the quick tier has here already.
PLATFORMS = [
    pytest.param(name, marks=() if name == "local" else pytest.mark.full)
    for name in SCENES
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLATFORMS)
async def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One platform for many cells, each of which brings its own database."""
    folder = tmp_path_factory.mktemp("scene")
    async with SCENES[request.param](folder) as running:
        yield running
