import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_delivery import LocalDelivery, local_delivery
from tests.support.local_platform import deployed
from tests.support.scripts import PM33, SCRIPTS, ran
from tests.support.service import TOKEN, Finished, served_service, until

ORCHESTRATE = SCRIPTS / "orchestrate-deployment.sh"
DEPLOY = SCRIPTS / "deploy.py"
ROLLBACK = SCRIPTS / "rollback.py"
PATIENCE = 60.0
QUICK = {"PM33_GATE_HOLD": "0.2", "PM33_MONITOR_INTERVAL": "0.2", "PM33_BAKE": "1"}


class Place:
    """A platform, and somebody with a terminal elsewhere."""

    def __init__(self, delivery: LocalDelivery, folder: Path) -> None:
        self.delivery = delivery
        self.platform = delivery.platform
        self.commit = delivery.commit
        self.folder = folder

    async def run(self, program: Path, *words: str, **variables: str) -> Finished:
        given = {**self.delivery.environ, **QUICK, **variables}
        return await ran(program, *words, folder=self.folder, **given)

    async def told(self, program: Path, *words: str) -> dict[str, Any]:
        """What a command says as JSON; it has to end well."""
        said = await self.run(program, *words, "-e", "development", "--json")
        assert said.code == 0, said.err
        body: dict[str, Any] = json.loads(said.out)
        return body

    async def serving(self) -> str | None:
        """The commit that serves."""
        active = await self.delivery.active()
        return active[0].commit if active else None


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    async with local_delivery(tmp_path) as delivery:
        yield Place(delivery, folder)


async def test_a_release_goes_out_and_comes_back_by_the_scripts(place: Place) -> None:
    first = place.commit("first")
    out = await place.run(ORCHESTRATE, ENVIRONMENT="development")
    assert out.code == 0, out.err
    assert out.err.startswith("environment development (from ENVIRONMENT)\n")
    assert await place.serving() == first

    second = place.commit("second")
    report = await place.told(DEPLOY, "--commit", second[:8], "--unlocked")
    assert (report["ending"], report["commit"]) == ("done", second)
    assert await place.serving() == second

    report = await place.told(ROLLBACK, "--reason", "emergency")
    assert (report["ending"], report["commit"]) == ("restored", first)
    assert await place.serving() == first


async def test_a_dry_run_shows_the_plan_and_changes_nothing(place: Place) -> None:
    commit = place.commit("first")
    plan = await place.told(DEPLOY, "--dry-run", "--bake", "3m", "--migrate")
    said = await place.run(DEPLOY, "-e", "development", "--dry-run")

    assert (plan["commit"], plan["bake"], plan["migrate"]) == (commit, 180.0, True)
    assert plan["gate_hold"] == 0.2
    assert said.out.startswith(f"deploy {commit[:12]} first")
    assert await place.platform.deployments() == ()


async def test_a_branch_that_there_is_not_exits_with_2(place: Place) -> None:
    place.commit("first")
    said = await place.run(DEPLOY, "-e", "development", "-b", "nowhere")

    assert said.code == 2
    assert "nowhere" in said.err


async def test_deployments_are_listed_shown_and_heard(place: Place) -> None:
    commit = place.commit("first")
    report = await place.told(DEPLOY, "--no-monitor")

    names = (report["run"], report["deployment"], commit[:8])
    listed, *shown = await asyncio.gather(
        place.told(PM33, "deployments", "list"),
        *(place.told(PM33, "deployments", "show", name) for name in names),
    )
    logs, table, told, nothing = await asyncio.gather(
        place.run(PM33, "deployments", "logs", "-e", "development", "--json"),
        place.run(PM33, "deployments", "-e", "development"),
        place.run(PM33, "deployments", "show", report["run"], "-e", "development"),
        place.run(PM33, "deployments", "show", "none", "-e", "development"),
    )
    [entry] = listed["entries"]

    for one in shown:
        assert one["deployment"] == entry["deployment"] == one["serves"]
        assert (
            one["run"].items() >= {**entry["run"], "steps": one["run"]["steps"]}.items()
        )
        assert one["run"]["meaning"] == report["meaning"]
        assert [step["name"] for step in one["run"]["steps"]] == [
            step["name"] for step in report["steps"]
        ]
    assert f"{report['run']}: {report['meaning']}\n" in told.out
    assert f"serves: {commit[:12]} ({report['deployment']})\n" in told.out
    assert (entry["run"]["run"], entry["run"]["outcome"]) == (report["run"], "unbaked")
    assert entry["deployment"]["active"]
    lines = [json.loads(line) for line in logs.out.splitlines()]
    assert "listening first" in {one["text"] for one in lines}
    assert commit[:12] in table.out
    assert table.out.startswith("* ")
    assert (nothing.code, nothing.out) == (5, "")


async def test_where_nothing_says_so_the_last_run_says_which_environment(
    place: Place,
) -> None:
    place.commit("first")
    await place.told(DEPLOY, "--no-monitor")

    listed, watched, deploying = await asyncio.gather(
        place.run(PM33, "deployments"),
        place.run(ROLLBACK, "--monitor", "--for", "1"),
        place.run(DEPLOY),
    )

    assert listed.err == "environment development (from the last run)\n"
    assert (watched.code, listed.code) == (0, 0), watched.err
    assert deploying.code == 2


async def test_the_first_interrupt_of_a_script_stops_it_at_a_safe_edge(
    place: Place,
) -> None:
    commit = place.commit("first")
    words = ("-e", "development", "--bake", "10m", "--json")
    process = await asyncio.create_subprocess_exec(
        *(DEPLOY, *words),
        cwd=place.folder,
        env={**place.delivery.environ, **QUICK},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while not (await process.stderr.readline()).startswith(b"switch"):
                assert process.returncode is None
            process.send_signal(signal.SIGINT)
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 130
    assert json.loads(out)["ending"] == "interrupted"
    assert await place.serving() == commit


async def test_a_rollback_over_http_is_an_operation_that_ends_well(
    place: Place, tmp_path: Path, database_url: str
) -> None:
    first, second = (place.commit(name) for name in ("first", "second"))
    await deployed(place.platform, first)
    await deployed(place.platform, second)
    service = served_service(
        tmp_path,
        PM33_HOME=place.delivery.home,
        DATABASE_URL=database_url,
        **QUICK,
    )
    async with service as running:
        headers = {"authorization": f"Bearer {TOKEN}"}
        begun = await running.http.post(
            "/api/admin/rollbacks", headers=headers, json={"reason": "emergency"}
        )
        assert begun.status_code == 202, begun.text

        async def over() -> dict[str, Any] | None:
            body = await running.json(begun.headers["location"], token=TOKEN)
            return None if body["status"] == "running" else body

        operation = await until(over)
        listed = await running.json("/api/admin/deployments", token=TOKEN)

    assert operation["status"] == "succeeded", operation
    assert operation["result"]["ending"] == "restored"
    assert await place.serving() == first
    newest = listed["entries"][0]
    assert newest["run"]["actor"] == f"admin-token ({operation['id']})"
    assert newest["deployment"]["commit"] == first


async def test_a_rollback_over_http_without_a_way_back_fails_with_a_remedy(
    place: Place, tmp_path: Path, database_url: str
) -> None:
    await deployed(place.platform, place.commit("first"))
    service = served_service(
        tmp_path, PM33_HOME=place.delivery.home, DATABASE_URL=database_url
    )
    async with service as running:
        headers = {"authorization": f"Bearer {TOKEN}"}
        begun = await running.http.post("/api/admin/rollbacks", headers=headers)

        async def over() -> dict[str, Any] | None:
            body = await running.json(begun.headers["location"], token=TOKEN)
            return None if body["status"] == "running" else body

        operation = await until(over)

    assert operation["status"] == "failed"
    assert operation["error"]["title"] == "Nothing to roll back to"
    assert operation["error"]["remedy"]
