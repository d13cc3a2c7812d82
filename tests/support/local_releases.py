"""Releases that misbehave, and what tests ask about those of the local platform."""

import os

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from tests.support.service import until

Status = DeploymentStatus

ILL = """
NAME = "ill"
DRAIN = 0

def start():
    print("cannot reach", "hunter2-hunter2")

async def answer(method, path, body, me):
    return 503, {"status": "unhealthy", "failure": "refused"}
"""

CRASHING = """
NAME = "crashing"
DRAIN = 0

def start():
    raise SystemExit("no such table: users")

async def answer(method, path, body, me):
    return 200, me
"""

SLOW = """
import asyncio

NAME = "slow"
DRAIN = 30

def start():
    pass

async def answer(method, path, body, me):
    if path == "/slow":
        await asyncio.sleep(1.5)
    return 200, me
"""


async def has(platform: LocalPlatform, deployment: str, status: Status) -> None:
    async def so() -> bool:
        return (await platform.deployment(deployment)).status is status

    await until(so)


async def texts(platform: LocalPlatform, deployment: str) -> list[str]:
    return [line.text async for line in platform.logs(deployment)]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
