"""A home, a repository of light releases, and the platform that runs them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from tests.support.local_platform import (
    Repository,
    light_repository,
    running_platform,
    short_home,
)

Status = DeploymentStatus


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as folder:
        yield folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return light_repository(tmp_path)


@pytest.fixture
async def platform(home: Path, repository: Repository) -> AsyncIterator[LocalPlatform]:
    variables = {"COLOUR": "blue", "A_SECRET_KEY": "hunter2-hunter2"}
    async with running_platform(home, repository, variables) as running:
        yield running
