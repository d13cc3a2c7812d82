"""What the platform makes of a release that is not healthy yet."""

import asyncio
import time
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from tests.support.local_platform import (
    RAILWAY_TOML,
    SERVER,
    Repository,
    running_platform,
    settled,
)
from tests.support.local_releases import CRASHING, texts

Status = DeploymentStatus

LONG = RAILWAY_TOML.replace("Timeout = 20", "Timeout = 300")

REFUSING = """
import os

NAME = "refusing"
DRAIN = 0
FAULT = {"source": "PM33_MOUNT", "kind": "release", "failure": "config",
         "message": "PM33_MOUNT cannot be imported", "remedy": "name a module"}

def start():
    pass

async def answer(method, path, body, me, fields={}):
    print(f'- "GET {path} HTTP/1.1" 503', flush=True)
    page = {"status": "unhealthy", "stage": "serving", "checks": {}}
    token = os.environ.get("PM33_ADMIN_TOKEN")
    if token is None or fields.get("authorization") == f"bearer {token}":
        page["gate"] = {"passed": False, "faults": [FAULT]}
    return 503, page
"""


async def failed_after(platform: LocalPlatform, commit: str) -> tuple[str, float]:
    """Why a deployment has failed, and after how many seconds."""
    began = time.monotonic()
    begun = await platform.deploy(commit, tag="bad", epoch=1)
    over = await settled(platform, begun.id)
    assert over.status is Status.FAILED
    return over.reason, time.monotonic() - began


async def test_a_release_that_says_it_can_never_pass_is_not_waited_for(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("bad", release__py=REFUSING, railway__toml=LONG)

    reason, seconds = await failed_after(platform, commit)

    assert 5 <= seconds < 30
    first, *lines = reason.splitlines()
    assert first.endswith(
        ": its startup gate stays closed: PM33_MOUNT cannot be imported (name a module)"
    )
    assert "{" not in first
    # The platform's own questions are not the release's last words.
    assert {line.partition(": ")[2] for line in lines} == {"listening refusing"}


async def test_a_release_that_hides_why_is_asked_with_its_own_token(
    home: Path, repository: Repository
) -> None:
    server = SERVER.replace("body, ME)", "body, ME, fields)")
    variables = {"PM33_ADMIN_TOKEN": "hunter2-hunter2"}
    commit = repository.commit(
        "bad", release__py=REFUSING, railway__toml=LONG, server__py=server
    )
    async with running_platform(home, repository, variables) as platform:
        reason, seconds = await failed_after(platform, commit)

    assert seconds < 30
    assert "PM33_MOUNT cannot be imported" in reason
    assert "hunter2" not in reason


async def test_while_it_is_waited_for_a_deployment_tells_why_and_is_asked_sparingly(
    platform: LocalPlatform, repository: Repository
) -> None:
    page = REFUSING.replace('"release"', '"world"')
    commit = repository.commit("slow", release__py=page, railway__toml=LONG)

    begun = await platform.deploy(commit, tag="slow", epoch=1)

    async with asyncio.timeout(20):
        async for state in platform.follow(begun.id):
            if state.reason:
                break
    assert state.status is Status.DEPLOYING
    assert state.reason == (
        "not healthy yet: 503, PM33_MOUNT cannot be imported (name a module)"
    )
    before = len(await texts(platform, begun.id))
    await asyncio.sleep(3)
    # Two replicas, each once a second.
    assert 4 <= len(await texts(platform, begun.id)) - before <= 8
    await platform.cancel(begun.id, epoch=1)


@pytest.mark.parametrize("path", ["/health", None])
async def test_a_release_that_ends_as_it_starts_is_said_to_have_ended(
    platform: LocalPlatform, repository: Repository, path: str | None
) -> None:
    settings = RAILWAY_TOML.replace("Timeout = 20", "Timeout = 1").replace(
        "MaxRetries = 3", "MaxRetries = 90"
    )
    if path is None:
        settings = settings.replace('healthcheckPath = "/health"', "")
    commit = repository.commit("bad", release__py=CRASHING, railway__toml=settings)

    reason, _ = await failed_after(platform, commit)

    assert "it does not listen; it ended " in reason
    assert ", exit code 1" in reason
    assert "FileNotFoundError" not in reason
