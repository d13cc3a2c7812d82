"""The simulator over real processes: what its states mean for users."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.local_platform import RAILWAY_TOML, Repository, light_repository
from tests.support.local_releases import CRASHING, ILL
from tests.support.processes import eventually
from tests.support.railway.ground import AdjustableEdge, CountingEdge, Ground
from tests.support.railway.lifecycle import Status
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.railway.repository import GitRepository
from tests.support.railway.simulator import Simulator, running

ONE = RAILWAY_TOML.replace("numReplicas = 2", "numReplicas = 1")
SHORT = ONE.replace("healthcheckTimeout = 20", "healthcheckTimeout = 4")
NO_RESTARTS = ONE.replace("MaxRetries = 3", "MaxRetries = 0")
DIES_WHEN_ASKED = """
import os

NAME = "mortal"
DRAIN = 0

def start():
    pass

async def answer(method, path, body, me):
    if path == "/die":
        os._exit(7)
    return 200, me
"""
PICKY = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers["host"]
        print("asked as", host, "for", self.path, flush=True)
        self.send_response(200 if host == "healthcheck.railway.app" else 400)
        self.send_header("content-length", "0")
        self.end_headers()

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Stage:
    """A simulator on a real ground, and a repository of light releases."""

    def __init__(
        self, railway: Simulator, ground: RealGround, repository: Repository
    ) -> None:
        self.railway = railway
        self.ground = ground
        self.repository = repository

    async def get(self, path: str = "/") -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            return await http.get(self.ground.url() + path)


@asynccontextmanager
async def stage(folder: Path, scale: float = 0.1) -> AsyncIterator[Stage]:
    repository = light_repository(folder)
    commits = GitRepository(repository.path)
    async with (
        real_ground(repository.path, scale=scale) as ground,
        running(ground, scale=scale, repository=commits) as railway,
    ):
        yield Stage(railway, ground, repository)


async def test_one_release_takes_the_place_of_another_and_can_be_rolled_back(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        railway, ground = scene.railway, scene.ground
        railway.gives(COLOUR="blue")
        old = await railway.deploys(scene.repository.commit("old", railway__toml=ONE))
        seen = (await scene.get()).json()
        assert (seen["release"], seen["deployment_id"]) == ("old", old.id)
        assert seen["replica_id"] == old.instances[0].id
        pids = ground.pids(old.id)

        railway.gives(COLOUR="green")
        new = await railway.deploys(scene.repository.commit("new", railway__toml=ONE))
        assert (await scene.get("/env")).json()["COLOUR"] == "green"
        await railway.reaches(old, Status.REMOVED)
        assert not any(psutil.pid_exists(pid) for pid in pids)

        railway.conductor.roll_back(old)
        await eventually(lambda: railway.deployments[-1] is not new)
        back = railway.deployments[-1]
        await railway.settled(back)
        env = (await scene.get("/env")).json()
        assert (env["COLOUR"], env["RAILWAY_DEPLOYMENT_ID"]) == ("blue", back.id)
        assert railway.status(back) is Status.SUCCESS


async def test_a_health_check_asks_as_railways_and_not_as_the_public_domain(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        commit = scene.repository.commit("picky", server__py=PICKY, railway__toml=ONE)
        picky = await scene.railway.deploys(commit)
        assert scene.railway.status(picky) is Status.SUCCESS

        said = [line.message for line in picky.deploy_lines.all()]
        asked = {line for line in said if line.startswith("asked as")}
        assert asked == {"asked as healthcheck.railway.app for /health"}
        assert (await scene.get("/health")).status_code == 400


@pytest.mark.full
async def test_who_is_never_healthy_fails_and_who_served_goes_on(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        railway, commit = scene.railway, scene.repository.commit
        well = await railway.deploys(commit("well", railway__toml=ONE))
        ill = await railway.deploys(commit("ill", release__py=ILL, railway__toml=SHORT))

        assert railway.status(ill) is Status.FAILED
        assert railway.status(well) is Status.SUCCESS
        assert (await scene.get()).json()["release"] == "well"
        assert scene.ground.pids(ill.id) == ()


@pytest.mark.full
async def test_who_crashes_beyond_the_budget_leaves_users_with_the_fallback(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        railway, commit = scene.railway, scene.repository.commit
        mortal = await railway.deploys(
            commit("mortal", release__py=DIES_WHEN_ASKED, railway__toml=NO_RESTARTS)
        )
        assert (await scene.get("/die")).status_code == 502
        await railway.reaches(mortal, Status.CRASHED)
        answer = await scene.get()
        assert answer.status_code == 502
        assert answer.headers["x-railway-fallback"] == "true"

        assert railway.conductor.restart(mortal)
        await eventually(lambda: scene.ground.pids(mortal.id))
        assert railway.status(mortal) is Status.SUCCESS


@pytest.mark.full
async def test_who_cannot_start_at_all_fails_without_the_window(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        crashing = await scene.railway.deploys(
            scene.repository.commit(
                "crashing", release__py=CRASHING, railway__toml=NO_RESTARTS
            )
        )

        assert scene.railway.status(crashing) is Status.FAILED
        assert (await scene.get()).status_code == 404


async def test_a_real_ground_can_do_all_that_a_simulator_asks_for(
    tmp_path: Path,
) -> None:
    async with real_ground(light_repository(tmp_path).path) as made:
        ground: Ground = made

        assert isinstance(ground, CountingEdge)
        assert isinstance(ground, AdjustableEdge)
